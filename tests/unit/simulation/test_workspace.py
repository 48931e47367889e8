"""A simulation's folder: a project of its own that touches no other."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from creditrisk.core.errors import MissingFile
from creditrisk.core.settings import Settings, load_settings
from creditrisk.data.labelled import LabelledSnapshots
from creditrisk.simulation.errors import FolderTaken, NoBaseline
from creditrisk.simulation.workspace import Workspace, simulated_settings

ROOT = Path(__file__).parents[3]
PORTFOLIO = {"applicants": 700, "seed": 3}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace in which no stage has run."""
    settings = simulated_settings(Settings(), PORTFOLIO)
    return Workspace.make(tmp_path_factory.mktemp("place") / "played", ROOT, settings)


def test_the_rules_under_test_are_those_that_are_shipped() -> None:
    """Of all settings only those differ that a simulation cannot do without."""
    base = load_settings(ROOT / "params.yaml")
    changed = simulated_settings(base, PORTFOLIO)
    assert changed.ingest.synthetic.applicants == PORTFOLIO["applicants"]
    assert changed.monitoring.auto_retrain
    outcomes = changed.monitoring.outcomes
    days = {"window_days": base.monitoring.outcomes.window_days}
    assert outcomes.model_copy(update=days) == base.monitoring.outcomes
    assert changed.monitoring.retraining == base.monitoring.retraining
    untouched = set(Settings.model_fields) - {"ingest", "monitoring", "serve", "promotion"}
    assert all(getattr(changed, name) == getattr(base, name) for name in untouched)


def test_a_workspace_holds_all_that_the_stages_need(workspace: Workspace) -> None:
    """The stages, the code, the settings, and a list of no labelled snapshot."""
    assert workspace.path("dvc.yaml").read_bytes() == (ROOT / "dvc.yaml").read_bytes()
    assert workspace.path("src/creditrisk/simulation/workspace.py").is_file()
    written = load_settings(workspace.path("params.yaml"))
    assert written == simulated_settings(Settings(), PORTFOLIO)
    assert LabelledSnapshots.read(workspace.path("snapshots/labelled.json")).snapshots == ()


def test_no_stage_sees_the_shells_ledger_or_registry(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What names a real ledger, registry or runner in the shell names none here."""
    for name in ("CREDITRISK_LEDGER_URL", "MLFLOW_TRACKING_URI", "CI"):
        monkeypatch.setenv(name, "elsewhere")
    seen = workspace.run("env").last_lines
    assert "elsewhere" not in workspace.path("stages.log").read_text()
    assert seen
    unset = workspace.command("dvc", "repro")
    assert all(
        ("-u", name) in pairwise(unset)
        for name in ("CREDITRISK_LEDGER_URL", "MLFLOW_TRACKING_URI", "CI")
    )


def test_a_folder_with_something_in_it_is_refused(workspace: Workspace) -> None:
    """Nothing of somebody else's is overwritten or taken for the simulation's."""
    with pytest.raises(FolderTaken, match="is not empty"):
        Workspace.make(workspace.folder, ROOT, Settings())


def test_a_folder_without_stages_is_no_project(tmp_path: Path) -> None:
    """The file that is missing is named."""
    with pytest.raises(MissingFile, match=r"dvc\.yaml"):
        Workspace.make(tmp_path / "played", tmp_path, Settings())


def test_a_baseline_that_fails_says_why(tmp_path: Path) -> None:
    """With the last lines of the pipeline, before any month is played."""
    workspace = Workspace.make(tmp_path / "played", ROOT, simulated_settings(Settings(), PORTFOLIO))
    workspace.path("dvc.yaml").write_text(
        "stages: {deploy_manifest: {cmd: echo no model; exit 3}}\n"
    )
    with pytest.raises(NoBaseline, match="no model"):
        workspace.train_first_model()
