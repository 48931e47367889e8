"""`creditrisk retrain`: flags, exit codes, which model is watched, where outcomes come from."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "monitoring/retraining"))

from performance_reports import QUIET, performance
from typer.testing import CliRunner, Result

from creditrisk.core.errors import CreditRiskError
from creditrisk.monitoring.retraining import training
from creditrisk.monitoring.retraining.history import DriftHistory, DriftWindow
from creditrisk.monitoring.retraining.report import RetrainTrigger
from creditrisk.monitoring.retraining.runs import RetrainRuns
from creditrisk.pipelines.retrain import main

MODEL = "a" * 64
NOW = datetime(2026, 6, 1, tzinfo=UTC)
AT = ("--at", "2026-06-01")


def window(name: int, share: float, bundle: str = MODEL) -> DriftWindow:
    return DriftWindow(
        window_sha256=f"{name:064x}",
        bundle_sha256=bundle,
        measured_at=NOW - timedelta(days=7 * name),
        rows=1_000,
        status="stable",
        drift_share=share,
    )


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose model is watched by what is served, with quiet evidence; `dvc` does nothing."""
    for name in ("CREDITRISK_LEDGER_URL", "CREDITRISK_LEDGER_ANCHOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(training, "COMMAND", (sys.executable, "-c", ""))
    (tmp_path / "params.yaml").write_text("monitoring: {auto_retrain: true}\n")
    (tmp_path / "models/served").mkdir(parents=True)
    served = {
        "alias": "champion",
        "model_name": "CreditRiskPD",
        "version": "1",
        "aliases": ["champion"],
        "run_id": None,
        "git_commit": None,
        "bundle_sha256": MODEL,
        "feature_set_sha256": "f" * 64,
        "data_snapshot_sha256": "d" * 64,
        "bundle": MODEL,
    }
    (tmp_path / "models/served/champion.json").write_text(json.dumps(served))
    measured(window(3, 0.0), window(2, 0.0), window(1, 0.0))
    report = performance(QUIET, as_of=NOW.date(), models=(MODEL,))
    report.write(Path("reports/performance.json"))
    return tmp_path


def measured(*windows: DriftWindow) -> None:
    DriftHistory(windows=windows).write(Path("reports/drift_history.json"))


def asked(*words: str) -> Result:
    import typer

    app = typer.Typer()
    app.command()(main)
    return CliRunner().invoke(app, [*AT, *words])


def report() -> RetrainTrigger:
    return RetrainTrigger.read(Path("reports/retrain_trigger.json"))


def test_quiet_evidence_exits_0(project: Path) -> None:  # noqa: ARG001
    """Nothing to do is no failure."""
    result = asked()
    assert (result.exit_code, report().decision) == (0, "no trigger")
    assert "no trigger" in result.output


def test_drift_of_the_served_model_triggers(project: Path) -> None:  # noqa: ARG001
    """The champion's windows count, by the numbers of params.yaml."""
    measured(window(3, 0.5), window(2, 0.5))
    assert asked().exit_code == 0
    assert (report().bundle_sha256, report().result) == (MODEL, "unchanged")
    assert "no ledger" in str(report().no_new_data_because)


def test_the_trained_model_is_watched_where_none_is_served(project: Path) -> None:
    """Without a champion it is the bundle that training wrote."""
    (project / "models/served/champion.json").unlink()
    (project / "models/credit_risk_pd").mkdir()
    (project / "models/credit_risk_pd/manifest.json").write_text("{}")
    assert asked().exit_code == 1
    assert report().bundle_sha256 == report().bundle_sha256 != MODEL
    assert "no window of this model was measured" in report().why


def test_missing_evidence_exits_1(project: Path) -> None:
    """Refused is a failure, and the report is written."""
    (project / "reports/drift_history.json").unlink()
    assert asked().exit_code == 1
    assert report().decision == "refused"


def test_a_person_is_followed(project: Path) -> None:
    """With a reason it runs whatever the evidence."""
    (project / "reports/drift_history.json").unlink()
    assert asked("--reason", "yearly review").exit_code == 0
    assert report().why == "a person asks: yearly review"


@pytest.mark.parametrize(("words", "result"), [((), "dry run"), (("--run",), "unchanged")])
def test_it_is_dry_unless_switched_on(project: Path, words: Sequence[str], result: str) -> None:
    """Without auto_retrain nothing runs, unless a person says so."""
    (project / "params.yaml").write_text("monitoring: {auto_retrain: false}\n")
    assert asked("--reason", "look", *words).exit_code == 0
    assert report().result == result
    assert RetrainRuns.read(Path("reports/retrain_runs.json")).runs[0].result == result


def test_a_failed_pipeline_exits_1(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001
    """The pipeline's exit code is kept, ours is 1."""
    monkeypatch.setattr(training, "COMMAND", (sys.executable, "-c", "raise SystemExit(3)"))
    assert asked("--reason", "look").exit_code == 1
    assert (report().result, report().exit_code) == ("failed", 3)


def test_a_ledger_that_vanished_fails(project: Path) -> None:
    """An anchor without its ledger is no 'no new data'; nothing is trained."""
    (project / "ledger").mkdir()
    (project / "ledger/decisions_anchor.json").write_text("{}")
    assert asked("--reason", "look").exit_code == 1
    assert (report().result, report().failed_stage) == ("failed", "labelled snapshot")


def test_an_unreadable_moment_is_misuse(project: Path) -> None:  # noqa: ARG001
    """A moment that is none is refused before anything is read."""
    assert asked("--at", "yesterday").exit_code == 2


def test_a_damaged_pointer_is_refused(project: Path) -> None:
    """What is served must be known, or the wrong model would be judged."""
    (project / "models/served/champion.json").write_text("{")
    result = asked()
    assert isinstance(result.exception, CreditRiskError)
