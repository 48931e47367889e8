"""Builders of whole projects: the real dvc.yaml and sources over a small generated portfolio."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "tests/api"))  # api_server.py
sys.path.append(str(ROOT / "tests/workflows"))  # workflow_player.py
# 400 applicants of the test side are too few for a good model and for bars that hold by chance.
BARS_FOR_LARGER_PORTFOLIOS = [
    *("roc_auc", "ks", "brier_skill", "calibration_slope", "calibration_in_the_large", "ece"),
    *("train_test_gap", "grade_calibration", "observed_expected", "segment_calibration"),
    *("hosmer_lemeshow", "score_stability", "input_stability", "reason_fidelity"),
    *("adverse_impact_ratio", "equal_opportunity_gap", "group_calibration", "proxy_strength"),
]
SMALL_PORTFOLIO: dict[str, Any] = {
    "ingest": {"synthetic": {"applicants": 2_000}},
    "fit_model": {"max_trees": 60, "early_stopping_rounds": 20},
    "validate_model": {"informational": BARS_FOR_LARGER_PORTFOLIOS},
    "registry": {"promote_min_value": 0.5},
    "canary": {
        "min_outcomes": 10,
        "auc_margin": 1.0,
        "max_auc_loss": 0.9,
        "max_approval_change": 1.0,
        "max_decline_change": 1.0,
        "max_score_psi": 10.0,
        "min_rank_correlation": 0.01,
    },
}


RUNNER_MARKS = {"CI", "GITHUB_ACTIONS", "MLFLOW_TRACKING_URI"}


@dataclass(frozen=True)
class Project:
    """A checkout of this project in a folder of its own."""

    folder: Path

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a program of this environment in the project's folder."""
        return subprocess.run(
            words,
            cwd=self.folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
        )

    def environment(self) -> dict[str, str]:
        """The variables of a person's shell in which the project's environment is active.

        A CI runner without a lasting store would promote nothing.
        """
        scripts = Path(sys.executable).parent
        return {
            **{
                name: value
                for name, value in os.environ.items()
                if name not in RUNNER_MARKS and not name.startswith("CREDITRISK_")
            },
            "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(self.folder / "src"),
            "OMP_WAIT_POLICY": "PASSIVE",
            "DVC_NO_ANALYTICS": "1",
        }

    def repro(self, *targets: str) -> subprocess.CompletedProcess[str]:
        """Run `dvc repro`."""
        return self.command("dvc", "repro", *targets)

    def set_params(self, overrides: dict[str, Any]) -> None:
        """Merge values into params.yaml, as a person would edit them."""
        path = self.folder / "params.yaml"
        path.write_text(yaml.safe_dump(merged(yaml.safe_load(path.read_text()), overrides)))

    @property
    def lock(self) -> dict[str, Any]:
        """The stages of dvc.lock, by name."""
        stages: dict[str, Any] = yaml.safe_load((self.folder / "dvc.lock").read_text())["stages"]
        return stages


def merged(base: dict[str, Any], overrides: dict[str, Any]) -> dict[str, Any]:
    """`base` with `overrides`, section by section."""
    result = dict(base)
    for key, value in overrides.items():
        result[key] = merged(base[key], value) if isinstance(value, dict) else value
    return result


@pytest.fixture(scope="session")
def new_project(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Project]:
    """Make a project on a small portfolio, with params.yaml changed as given."""

    def make(**overrides: Any) -> Project:
        folder = tmp_path_factory.mktemp("project")
        for name in ("dvc.yaml", "params.yaml", ".dvcignore", ".gitignore"):
            shutil.copy(ROOT / name, folder)
        shutil.copytree(ROOT / "snapshots", folder / "snapshots")
        shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
        project = Project(folder)
        for words in (("git", "init", "-q"), ("dvc", "init", "-q")):
            process = project.command(*words)
            assert process.returncode == 0, process.stderr
        project.set_params(SMALL_PORTFOLIO)
        project.set_params(overrides)
        return project

    return make


@pytest.fixture(scope="session")
def finished_project(new_project: Callable[..., Project]) -> Project:
    """A project whose pipeline has run to its end on one thread; tests only read it."""
    project = new_project(resources={"threads": 1})
    process = project.repro()
    assert process.returncode == 0, process.stdout + process.stderr
    return project
