"""CD's own steps, played for real on a small portfolio."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from workflow_files import Job, workflow
from workflow_player import Play, Repository, Runner

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
# Stand for a server that outlives the runner; CI is unset, or stores on this machine would be refused.
LASTING = Repository(
    variables={"MLFLOW_TRACKING_URI": "sqlite:///mlflow.db"},
    secrets={"CREDITRISK_LEDGER_URL": "sqlite:///ledger/ledger.db"},
)
NO_RUNNER = {"CI": "false", "GITHUB_ACTIONS": "false"}


def job(name: str) -> Job:
    return Job("cd.yaml", name, workflow("cd.yaml")["jobs"][name])


def played(project: Any, name: str, repository: Repository, **variables: str) -> Play:
    """Play a job in a project with the real programs, but for make: they are installed already."""
    (programs := project.folder.parent / f"{project.folder.name}-programs").mkdir(exist_ok=True)
    (make := programs / "make").write_text("#!/bin/sh\n")
    make.chmod(0o755)
    environment = project.environment()
    chosen = {
        key: environment[key] for key in ("PYTHONPATH", "OMP_WAIT_POLICY", "DVC_NO_ANALYTICS")
    }
    path = (programs, Path(sys.executable).parent)
    return Runner(project.folder, repository, path, {**chosen, **variables}).play(job(name))


def report(project: Any, name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((project.folder / f"reports/{name}.json").read_text())
    return content


@pytest.fixture
def pulled_project(finished_project: Any, tmp_path: Path) -> Any:
    """What a runner has after `creditrisk remote pull`: files of every stage, an empty registry."""
    folder = tmp_path / "project"
    ignored = shutil.ignore_patterns("mlflow.db*", "mlruns", "mlartifacts", "ledger")
    shutil.copytree(finished_project.folder, folder, symlinks=True, ignore=ignored)
    # The package of that name was left out with the folder of records.
    package = Path("src/creditrisk/ledger")
    shutil.copytree(finished_project.folder / package, folder / package)
    for name in ("registry_promotion", "registry_transition", "canary_report", "deploy_manifest"):
        (folder / f"reports/{name}.json").unlink()
    return type(finished_project)(folder)


def test_a_model_is_delivered(pulled_project: Any) -> None:
    """From pulled files to a champion with its manifest; the summary says what was not done."""
    play = played(pulled_project, "model", LASTING, **NO_RUNNER)
    assert play.result == "success", play.log
    assert play.outputs == {"described": "false"}
    assert report(pulled_project, "registry_transition")["decision"] == "promoted"
    assert report(pulled_project, "deploy_manifest")["champion"]["version"] == "1"
    page = played(pulled_project, "summary", LASTING).summary
    assert "| Promotion | CreditRiskPD: promoted (none -> 1), ledger entry" in page
    assert "| Deployment | not deployed |" in page


def test_what_is_to_be_deployed_is_described_before_its_promotion(pulled_project: Any) -> None:
    """The manifest is about a version that may become the champion, and is none yet."""
    deployed = {"CREDITRISK_ECS_TARGET": "{}", "IMAGE_REGISTRY": "registry.example"}
    to_deploy = Repository({**LASTING.variables, **deployed}, LASTING.secrets)
    play = played(pulled_project, "model", to_deploy, **NO_RUNNER)
    assert play.result == "success", play.log
    assert play.outputs == {"described": "true"}
    assert play.steps["Promote"] == "skipped"
    assert report(pulled_project, "deploy_manifest")["champion"]["version"] == "1"
    assert not (pulled_project.folder / "reports/registry_transition.json").exists()


def test_a_gate_that_refuses_stops_the_delivery(pulled_project: Any) -> None:
    """What validation refuses reaches no registry, and the reports are kept."""
    pulled_project.set_params(
        {"validate_model": {"informational": [], "floors": {"min_roc_auc": 0.99}}}
    )
    play = played(pulled_project, "model", LASTING, **NO_RUNNER)
    assert play.result == "failure"
    assert play.steps["Train, measure, validate"] == "failure"
    assert play.steps["Register"] == "skipped"
    assert set(play.uploads) == {"model-reports"}
    assert report(pulled_project, "post_training_validation")["decision"] == "refused"


def test_the_runner_s_own_store_promotes_nothing(pulled_project: Any) -> None:
    """On GitHub's runner without registry or ledger the gates run and the model is only validated."""
    play = played(pulled_project, "model", Repository())
    assert play.result == "success", play.log
    assert play.steps["Freshness of the sources"] == "success"
    assert play.steps["Promote"] == "skipped"
