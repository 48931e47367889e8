"""Decisions in a ledger, made by the champion of a trained project."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from registered import BUNDLE

from creditrisk.core.settings import PolicySettings
from creditrisk.ledger import DecisionLedger, NewDecision
from creditrisk.mlops.served import ServedModel
from creditrisk.scoring.answers import DecisionMaker
from creditrisk.scoring.decision_record import (
    DecisionRecord,
    Origin,
    PolicyBands,
    decision_record,
)
from creditrisk.scoring.scorer import Scorer

sys.path.insert(0, str(Path(__file__).parents[2]))

from payloads import feature_record

FEATURES_ID = "decision-of-features"
POLICY = PolicySettings(approve_below=0.0, decline_from=0.0)
RUNNER_VARIABLES = ("CI", "GITHUB_ACTIONS", "MLFLOW_REGISTRY_URI")


@contextmanager
def deciding_project(training: Path, factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of a finished training, in which the block works and makes decisions."""
    folder = factory.mktemp("decided") / "project"
    shutil.copytree(training, folder, ignore=shutil.ignore_patterns("ml*", "data"))
    with pytest.MonkeyPatch.context() as patch:
        enter(folder, patch)
        yield folder


def copy_to_work_in(project: Path, folder: Path, patch: pytest.MonkeyPatch) -> Path:
    """A test's own copy of a project, entered."""
    shutil.copytree(project, folder / "project")
    enter(folder / "project", patch)
    return folder / "project"


def enter(project: Path, patch: pytest.MonkeyPatch) -> None:
    """Work in a project as on a person's machine, wherever the tests run."""
    patch.chdir(project)
    leave_runner(patch)


def leave_runner(patch: pytest.MonkeyPatch) -> None:
    """Hide that this is a runner of CI, if it is one."""
    for name in RUNNER_VARIABLES:
        patch.delenv(name, raising=False)


def decision(model: ServedModel, *, store_inputs: bool = True) -> DecisionRecord:
    """The record of a decision on a feature row: a decline, so that there are reasons."""
    row = feature_record(EXT_SOURCE_2=0.01)
    (answer,) = DecisionMaker(Scorer.load(BUNDLE), POLICY).decide_records([row])
    return decision_record(
        answer,
        origin=Origin(
            request_id="request-1",
            caller="shop",
            received_at="2026-11-23T10:00:00+00:00",
            form="features",
        ),
        record=0,
        inputs=row,
        features=None,
        overridden=False,
        warnings=(),
        model=model,
        policy=PolicyBands.of(POLICY),
        store_inputs=store_inputs,
    )


def record(*decisions: NewDecision) -> None:
    """Append these to the project's ledger, between two others."""
    other = json.dumps({"kind": "refusal"}).encode()
    with DecisionLedger.open() as ledger:
        count = len(ledger.after(0))
        ledger.append([NewDecision("refusal", f"before-{count:04}", "r", other)])
        ledger.append(list(decisions))
        ledger.append([NewDecision("refusal", f"after-{count:04}", "r", other)])


def write_raw_rows(folder: Path, applicant: int, files: Sequence[str]) -> None:
    """A row of the applicant, and one of somebody else, in each of these raw files."""
    folder.mkdir(parents=True)
    for name in files:
        rows = [f"SK_ID_CURR,SK_ID_BUREAU\n{who},{who + 7}\n" for who in (applicant, applicant + 1)]
        (folder / name).write_text(rows[0] + rows[1].partition("\n")[2])
