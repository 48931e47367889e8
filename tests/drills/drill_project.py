"""The project of a drill: the real dvc.yaml and sources over a tiny portfolio from a web server."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
APPLICANTS = 1_000
SOURCE = "http://source.drill"
# So few applicants make no good model; what is drilled is the night.
BARS_FOR_LARGER_PORTFOLIOS = [
    *("roc_auc", "ks", "brier_skill", "calibration_slope", "calibration_in_the_large", "ece"),
    *("train_test_gap", "grade_calibration", "observed_expected", "segment_calibration"),
    *("hosmer_lemeshow", "score_stability", "input_stability", "reason_fidelity"),
    *("adverse_impact_ratio", "equal_opportunity_gap", "group_calibration", "proxy_strength"),
]
SETTINGS: dict[str, dict[str, Any]] = {
    "ingest": {"source": SOURCE},
    "resources": {"threads": 1, "memory_limit": "1GB"},
    "fit_model": {"max_trees": 20, "early_stopping_rounds": 10},
    "validate_model": {"informational": BARS_FOR_LARGER_PORTFOLIOS},
    "policy": {"approve_below": 0.05, "decline_from": 0.06},  # somebody has to be declined
}
_FOREIGN = ("AWS_", "CREDITRISK_", "DVC_", "MLFLOW_", "FAKETIME", "LD_PRELOAD")
_RUNNER = {"CI", "GITHUB_ACTIONS", "http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy"}
_DECIDED = ("batch-predict", "--input", "pull", "--output", "decided.parquet")


@dataclass(frozen=True)
class Project:
    """A checkout with a portfolio, and the programs with which its nights are run."""

    folder: Path
    programs: Path
    extra: dict[str, str] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        """The variables of a machine on which nothing but the project is configured."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(_FOREIGN) and name not in _RUNNER
        }
        return {
            **kept,
            "PATH": f"{self.programs}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(self.folder / "src"),
            "DRILL_WARM": str(self.programs.parent / "warm.socket"),
            "OMP_WAIT_POLICY": "PASSIVE",
            "DVC_NO_ANALYTICS": "1",
            "DO_NOT_TRACK": "1",
            "NO_PROXY": "127.0.0.1,localhost",
            "no_proxy": "127.0.0.1,localhost",
            "AWS_CONFIG_FILE": "/nowhere",
            "AWS_SHARED_CREDENTIALS_FILE": "/nowhere",
            "AWS_EC2_METADATA_DISABLED": "true",
            **self.extra,
        }

    def with_variables(self, variables: Mapping[str, str]) -> Project:
        """The project with more variables."""
        return Project(self.folder, self.programs, {**self.extra, **variables})

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run one of its programs."""
        return subprocess.run(
            [str(self.programs / words[0]), *words[1:]],
            cwd=self.folder,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )

    def night(self) -> subprocess.CompletedProcess[str]:
        """Run a night on the pull that lies in the project."""
        words = ("nightly", "--current", "pull", "--no-html", "--summary", "summary.md")
        return self.command("creditrisk", *words)


class NotBuilt(Exception):
    """The project of the drills cannot be made; no fault was played yet."""


def build(folder: Path, programs: Path) -> Project:
    """Make the project, its source in `folder/source`, and a ledger of decisions; no night yet."""
    project = Project(folder / "project", programs)
    project.folder.mkdir(parents=True)
    for name in ("dvc.yaml", "params.yaml", ".dvcignore", ".gitignore"):
        shutil.copy(ROOT / name, project.folder)
    shutil.copytree(ROOT / "snapshots", project.folder / "snapshots")
    without = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "src", project.folder / "src", ignore=without)
    _settle(project)
    subprocess.run(["/usr/bin/env", "git", "init", "-q"], cwd=project.folder, check=True)
    _done(project.command("dvc", "init", "-q"))
    _generate(project, folder / "source")
    return project


def _settle(project: Project) -> None:
    path = project.folder / "params.yaml"
    params = yaml.safe_load(path.read_text())
    for section, values in SETTINGS.items():
        params[section] |= values
    params["monitoring"]["cloudwatch"] |= {"backoff_seconds": 0.1}
    path.write_text(yaml.safe_dump(params))


def _generate(project: Project, source: Path) -> None:
    """The raw files of the source, and a month that was decided on."""
    size = ("--applicants", str(APPLICANTS), "--months", "1", "--month-applicants", "300")
    made = ("--out", str(source), "--truth", str(source.with_name("truth")))
    _done(project.command("creditrisk", "generate-data", *size, *made))
    shutil.copytree(source / "production" / "month_01", project.folder / "pull")


def decide(project: Project) -> None:
    """Record a batch of decisions, so that there is a ledger which outcomes could join."""
    _done(project.command("creditrisk", *_DECIDED, "--bundle", "models/credit_risk_pd"))


def _done(process: subprocess.CompletedProcess[str]) -> None:
    if process.returncode:
        raise NotBuilt(f"{process.args}: {process.stdout}")
