"""Applicants of a generated month as callers post them, with what became of them."""

from __future__ import annotations

import atexit
import json
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, NamedTuple

from creditrisk.contracts.tables import RAW_FILES, raw_tables, without_target
from creditrisk.core.settings import SyntheticSettings
from creditrisk.data.synthetic import generate_portfolio
from payloads import application_payload, request_checks

PORTFOLIO = SyntheticSettings(applicants=60, months=1, month_applicants=12)


class Decided(NamedTuple):
    """A decision with its outcome, as the outcomes' loader gives it."""

    decision_id: str
    content: Mapping[str, Any]
    target: int


@dataclass
class Source:
    """Decisions that can be read again and again."""

    decisions: Sequence[Decided]
    left_out: Counter[str] = field(default_factory=Counter)

    def __iter__(self) -> Iterator[Decided]:
        return iter(self.decisions)


@cache
def later_month() -> Path:
    """The folder of a generated month; the portfolio before it is generated with it."""
    folder = Path(mkdtemp(prefix="later-month-"))
    atexit.register(shutil.rmtree, folder)
    generate_portfolio(folder / "raw", folder / "truth", PORTFOLIO, threads=1)
    return folder / "raw/production/month_01"


@cache
def later_ids() -> tuple[int, ...]:
    """The applicants of the month."""
    lines = (later_month() / "application_test.csv").read_text().splitlines()[1:]
    return tuple(int(line.partition(",")[0]) for line in lines)


def applications(ids: Iterable[int]) -> list[dict[str, Any]]:
    """The nested applications that post these applicants."""
    return applications_of(later_month(), ids)


def applications_of(month: Path, ids: Iterable[int]) -> list[dict[str, Any]]:
    """The nested applications that post these applicants of a generated month."""
    import duckdb

    from creditrisk.data.loading import load_table

    with duckdb.connect() as connection:
        unlabelled = without_target(raw_tables()["application"])
        load_table(connection, month / "application_test.csv", unlabelled, "application")
        for name, table in list(RAW_FILES.items())[1:]:
            load_table(connection, month / name, raw_tables()[table], table)
        return application_payload(connection, ids)["applications"]


def decided(inputs: Mapping[str, Any], number: int = 1, target: int = 0, **content: Any) -> Decided:
    """A decision on an application."""
    made = {
        "sk_id_curr": inputs["SK_ID_CURR"],
        "inputs": inputs,
        "origin": {"form": "applications", "received_at": f"2026-01-{number:02d}T10:00:00+00:00"},
    }
    return Decided(f"decision-{number:06d}", made | content, target)


def decisions(ids: Iterable[int]) -> Source:
    """Decisions on these applicants, every third of whom defaulted."""
    posted = applications(ids)
    return Source(
        [decided(one, number, int(number % 3 == 0)) for number, one in enumerate(posted, 1)]
    )


def features_of(inputs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The features that decisions on these applications are made on."""
    from creditrisk.features.request_features import RequestFeatures

    body = json.dumps({"applications": inputs}).encode()
    engine = RequestFeatures()
    try:
        return engine.rows(request_checks().applications(body).tables)
    finally:
        engine.close()
