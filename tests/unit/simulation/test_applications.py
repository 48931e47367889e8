"""A month's raw files become the requests that a lender's front office would send."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from creditrisk.contracts.tables import APPLICANT_KEY
from creditrisk.core.settings import ResourceSettings, SyntheticSettings
from creditrisk.data.synthetic import generate_month
from creditrisk.simulation.applications import request_bodies, request_count
from payloads import application_payload

APPLICANTS = 25


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The raw files of a generated month."""
    folder = tmp_path_factory.mktemp("month")
    settings = SyntheticSettings(applicants=50, months=1, month_applicants=APPLICANTS)
    return generate_month(folder / "raw", folder / "truth", settings, 1, threads=1)


def bodies(month: Path, size: int) -> list[list[dict[str, Any]]]:
    """The applications of each request."""
    found = request_bodies(month, size, ResourceSettings(threads=1))
    return [json.loads(body)["applications"] for body in found]


def test_everybody_applies_once_in_the_order_of_ids(month: Path) -> None:
    """In requests of the size asked for; the last one may be smaller."""
    requests = bodies(month, 10)
    assert [len(one) for one in requests] == [10, 10, 5]
    assert len(requests) == request_count(month, 10)
    ids = [application[APPLICANT_KEY] for one in requests for application in one]
    assert ids == sorted(set(ids))
    assert len(ids) == APPLICANTS


def test_histories_are_nested_as_the_api_takes_them(month: Path) -> None:
    """Row for row what the tests of the API make of the same files."""
    (applications,) = bodies(month, APPLICANTS)
    raw = month.parents[1]
    ids = [application[APPLICANT_KEY] for application in applications]
    expected = application_payload(labelled_copy(month, raw / "labelled"), ids)["applications"]
    assert applications == json.loads(json.dumps(expected))
    assert any(application["bureau"] for application in applications)


def labelled_copy(month: Path, folder: Path) -> Path:
    """The same files with an outcome for each applicant, as a training extract has them."""
    folder.mkdir()
    for path in month.iterdir():
        if path.name != "application_test.csv":
            (folder / path.name).write_bytes(path.read_bytes())
    header, *lines = (month / "application_test.csv").read_text().splitlines()
    key, rest = header.split(",", 1)
    rows = [f"{key},TARGET,{rest}", *(line.replace(",", ",0,", 1) for line in lines)]
    (folder / "application_train.csv").write_text("\n".join(rows) + "\n")
    return folder
