"""The real pipeline, retrained on applications whose outcomes have become known."""

from __future__ import annotations

import csv
import json
import re
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

sys.path[:0] = [
    str(Path(__file__).parents[1] / place)
    for place in ("model", "unit/scoring", "unit/monitoring/retraining")
]

LATER = 60
DECIDED = "2024-03-05T10:00:00+00:00"
MATURE = "2025-04-01"


@dataclass
class Story:
    """A project after three retrainings, and what each reported.

    `decided` are the features that decisions were made on, by applicant.
    """

    project: Any
    reports: list[dict[str, Any]]
    decided: Mapping[int, Mapping[str, Any]]
    outcomes: Mapping[int, int]


@pytest.fixture(scope="module")
def story(finished_project: Any, tmp_path_factory: pytest.TempPathFactory) -> Story:
    """Retrain without anything new, with sixty known outcomes, and without anything new again."""
    folder = tmp_path_factory.mktemp("retrained") / "project"
    shutil.copytree(finished_project.folder, folder, symlinks=True)
    project = type(finished_project)(folder)
    project.set_params({"monitoring": {"auto_retrain": True}})
    project.set_params({"ingest": {"synthetic": {"months": 1, "month_applicants": LATER}}})
    reports = [retrained(project, "nothing is new")]
    decided, outcomes = decide(project)
    load(project, outcomes)
    reports += [retrained(project, "outcomes are known"), retrained(project, "once more")]
    return Story(project, reports, decided, outcomes)


def retrained(project: Any, reason: str) -> dict[str, Any]:
    process = project.command("creditrisk", "retrain", "--reason", reason)
    assert process.returncode == 0, process.stdout + process.stderr
    report: dict[str, Any] = json.loads(
        (project.folder / "reports/retrain_trigger.json").read_text()
    )
    lock = project.lock["split_data"]["outs"]
    return report | {"lock": next(out["md5"] for out in lock if out["path"] == "data/splits")}


def decide(project: Any) -> tuple[dict[int, Mapping[str, Any]], dict[int, int]]:
    """Record decisions on the applicants of the generated month, with the model of the project."""
    from later_applicants import applications_of
    from recorded_answers import recorded

    from creditrisk.features.request_features import RequestFeatures
    from creditrisk.scoring.scorer import Scorer
    from payloads import request_checks

    month = project.folder / "data/raw/production/month_01"
    truth = parquet.read_table(project.folder / "data/truth/production/month_01.parquet")
    outcomes = dict(
        zip(*(truth.column(name).to_pylist() for name in ("SK_ID_CURR", "TARGET")), strict=True)
    )
    posted = applications_of(month, list(outcomes))
    scorer = Scorer.load(project.folder / "models/credit_risk_pd")
    body = json.dumps({"applications": posted}).encode()
    with closing(RequestFeatures()) as engine:
        rows = engine.rows(request_checks().applications(body).tables)
    made = [
        recorded(scorer, row, form="applications", inputs=inputs)
        for row, inputs in zip(rows, posted, strict=True)
    ]
    record(
        project.folder,
        [
            one.model_copy(
                update={"origin": one.origin.model_copy(update={"received_at": DECIDED})}
            )
            for one in made
        ],
    )
    return {row["SK_ID_CURR"]: row for row in rows}, outcomes


def record(folder: Path, records: Sequence[Any]) -> None:
    from creditrisk.ledger import DecisionLedger, NewDecision

    url = f"sqlite:///{folder / 'ledger/ledger.db'}"
    with DecisionLedger.open(url, anchor=folder / "ledger/decisions_anchor.json") as ledger:
        ledger.append(
            [
                NewDecision("decision", f"decision-{one.sk_id_curr}", "request-1", one.to_json())
                for one in records
            ]
        )


def load(project: Any, outcomes: Mapping[int, int]) -> None:
    with (project.folder / "outcomes.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["decision_id", "TARGET", "maturity_date"])
        writer.writerows([f"decision-{one}", target, MATURE] for one, target in outcomes.items())
    process = project.command("creditrisk", "outcomes", "load", "outcomes.csv")
    assert process.returncode == 0, process.stdout + process.stderr


pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


def test_unchanged_inputs_are_a_cached_no_op(story: Story) -> None:
    """Without new outcomes hashes stay as they are, and the report says that nothing was to do."""
    for report in (story.reports[0], story.reports[2]):
        assert (report["result"], report["exit_code"]) == ("unchanged", 0)
        assert report["before"] == report["after"]
        assert report["next_command"] is None
    first, second, third = story.reports
    assert "no ledger" in first["no_new_data_because"]
    assert third["new_data"]["applicants"] == 0
    assert third["new_data"]["left_out"] == {"in an earlier snapshot": LATER}
    assert third["before"] == second["after"]
    assert third["lock"] == second["lock"]


def test_new_outcomes_change_the_training_side(story: Story) -> None:
    """The training side's hash and the model's are others; the model is a candidate."""
    first, second, _ = story.reports
    assert second["result"] == "changed"
    assert second["new_data"]["applicants"] == LATER
    assert second["new_data"]["defaults"] == sum(story.outcomes.values())
    for name in ("training_sha256", "bundle_sha256"):
        assert second["before"][name] != second["after"][name]
    assert second["lock"] != first["lock"]
    assert second["next_command"] == "dvc repro register_model"


def test_nothing_is_promoted(story: Story) -> None:
    """The model that was served before is served still."""
    champion = json.loads((story.project.folder / "models/served/champion.json").read_text())
    assert champion["bundle_sha256"] == story.reports[0]["before"]["bundle_sha256"]
    assert {report["bundle_sha256"] for report in story.reports} == {champion["bundle_sha256"]}


def test_features_are_those_that_were_decided_on(story: Story) -> None:
    """Ledger, snapshot, ingestion, feature table: each comes out to the last bit, with its outcome."""
    table = parquet.read_table(story.project.folder / "data/processed/feature_store.parquet")
    rows = {row["SK_ID_CURR"]: row for row in table.to_pylist()}
    assert len(rows) == len(list(known(story.project))) + LATER
    for applicant, features in story.decided.items():
        assert rows[applicant] == features | {"TARGET": story.outcomes[applicant]}


def known(project: Any) -> Iterator[str]:
    """The labelled applicants of the generated portfolio itself."""
    summary = json.loads((project.folder / "reports/ingestion_summary.json").read_text())
    (added,) = summary["snapshots"]
    assert added["sha256"] == listed(project)[0]
    lines = (project.folder / "data/raw/application_train.csv").read_text().splitlines()[1:]
    yield from lines[: len(lines) - added["rows"]["application_train.csv"]]


def listed(project: Any) -> list[str]:
    content = json.loads((project.folder / "snapshots/labelled.json").read_text())
    return list(content["snapshots"])


def test_the_true_pds_come_along(story: Story) -> None:
    """Where the later applicants are generated ones, the model is compared with the truth still."""
    metrics = json.loads((story.project.folder / "reports/test_metrics.json").read_text())
    assert metrics["truth"]["share_of_attainable_gini"] > 0


def test_a_next_run_of_dvc_has_nothing_to_do(story: Story) -> None:
    """What a retraining left is what `dvc repro` would have made."""
    output = story.project.repro("validate_model").stdout
    assert not re.findall(r"^Running stage", output, flags=re.MULTILINE)
