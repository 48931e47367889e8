from __future__ import annotations

from pathlib import Path

import pytest

from creditrisk.cli import COMMANDS
from creditrisk.monitoring.nightly.plan import NightOptions, Step, plan

CONFIGURED = {"DVC_REMOTE_URL": "s3://bucket", "CREDITRISK_LEDGER_URL": "postgresql://ledger"}


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def steps(*, environment: dict[str, str], **options: object) -> dict[str, Step]:
    return {step.name: step for step in plan(NightOptions(**options), environment)}  # type: ignore[arg-type]


def test_every_command_exists() -> None:
    """Each step calls a command of this project, or DVC."""
    for step in plan(NightOptions(), CONFIGURED):
        assert step.command[0] == "dvc" or step.command[1] in COMMANDS


def test_a_bare_machine_runs_pipeline_freshness_and_figures() -> None:
    """Without remote, ledger and pull the rest is not configured, and each says what is missing."""
    night = steps(environment={})
    absent = {name for name, step in night.items() if step.missing}
    assert absent == {"pull", "production", "outcomes", "retrain"}
    assert "DVC_REMOTE_URL" in (night["pull"].missing or "")


def test_all_steps_are_run_where_all_is_configured() -> None:
    """A remote and a ledger are enough for the whole night."""
    assert not [step.name for step in plan(NightOptions(), CONFIGURED) if step.missing]


def test_the_pipeline_is_forced_and_ends_before_the_registry() -> None:
    """A night recomputes the model and promotes nothing."""
    assert steps(environment={})["pipeline"].command == (
        *("dvc", "repro", "--force", "validate_model"),
    )


def test_a_pull_goes_before_the_ledger() -> None:
    """Production is measured on the pull that is named, else on the ledger; an empty name is none."""
    assert "--current" in steps(environment={}, current="pull")["production"].command
    assert "--ledger" in steps(environment=CONFIGURED, current="")["production"].command


def test_training_alone_waits_for_the_pipeline() -> None:
    """Measuring, freshness and figures run whatever became of the pipeline."""
    waiting = {step.name for step in plan(NightOptions(), CONFIGURED) if "pipeline" in step.needs}
    assert waiting == {"retrain"}
