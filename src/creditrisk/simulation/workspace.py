"""The folder of a simulation: a small project of its own, on which the true stages run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

import creditrisk
from creditrisk.core.errors import MissingFile
from creditrisk.core.files import write_text
from creditrisk.core.settings import Settings, SyntheticSettings
from creditrisk.data.labelled import POINTER, LabelledSnapshots
from creditrisk.ledger import DecisionLedger
from creditrisk.ledger.decision_chain import Clock
from creditrisk.monitoring.retraining.training import PipelineRun, TrainedFiles
from creditrisk.simulation.calendar import OUTCOME_DAYS
from creditrisk.simulation.errors import FolderTaken, NoBaseline

PARAMS = "params.yaml"
SERVED = Path("models/served")
SPLITS = Path("data/splits")
_COPIED = ("dvc.yaml", ".dvcignore")
_TO_CHAMPION = ("dvc", "repro", "deploy_manifest")
# Of the caller's shell nothing may lead a stage to a real ledger, registry or CI runner.
_FOREIGN = ("CREDITRISK_", "MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "CI", "GITHUB_")
_KEPT_LINES = 15

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Workspace:
    """A project in a folder, with its ledger and its registry inside."""

    folder: Path

    @classmethod
    def make(cls, folder: Path, project: Path, settings: Settings) -> Workspace:
        """Make the project of a simulation.

        Args:
            folder: empty or not there yet.
            project: where dvc.yaml lies.
            settings: params.yaml of the simulated project.

        Raises:
            FolderTaken, MissingFile.
        """
        if folder.exists() and any(folder.iterdir()):
            raise FolderTaken(folder)
        workspace = cls(folder.absolute())
        workspace.folder.mkdir(parents=True, exist_ok=True)
        for name in _COPIED:
            if not (project / name).is_file():
                raise MissingFile(project / name, "simulate", "Run from the project's root.")
            shutil.copy(project / name, workspace.folder)
        package = Path(creditrisk.__file__).parent
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(package, workspace.path("src/creditrisk"), ignore=ignored)
        LabelledSnapshots().write(workspace.path(POINTER))
        params = yaml.safe_dump(settings.model_dump(mode="json"), sort_keys=False)
        write_text(workspace.path(PARAMS), params)
        workspace.run("dvc", "init", "--quiet", "--no-scm")
        return workspace

    def path(self, place: str | Path) -> Path:
        """A place in the project."""
        return self.folder / place

    @property
    def served(self) -> Path:
        """The folder of the served models."""
        return self.path(SERVED)

    @property
    def trained(self) -> TrainedFiles:
        """What training writes."""
        return TrainedFiles(
            self.path(SPLITS / "train.parquet"), self.path("models/credit_risk_pd/manifest.json")
        )

    def ledger(self, clock: Clock) -> DecisionLedger:
        """The project's ledger of decisions, in simulated time, under the folder's own key."""
        anchor = self.path("ledger/decisions_anchor.json")
        url = f"sqlite:///{self.path('ledger/ledger.db')}"
        return DecisionLedger.open(url, self._ledger_key(), anchor, clock=clock)

    def train_first_model(self) -> None:
        """Run every stage up to the first champion.

        Raises:
            NoBaseline: one failed.
        """
        done = self.run_to_champion()
        if done.exit_code:
            raise NoBaseline(self.folder, done.last_lines)

    def run_to_champion(self) -> PipelineRun:
        """Bring the present bundle as far as it gets: registered, compared, promoted, published."""
        return self.run(*_TO_CHAMPION)

    def run(self, *command: str) -> PipelineRun:
        """Run a program of this environment in the project; what it says goes into a log."""
        with self.path("stages.log").open("a+", encoding="utf-8") as log:
            begin = log.tell()
            done = subprocess.run(  # noqa: S603  the command is ours
                ["/usr/bin/env", *command],
                cwd=self.folder,
                env=self._environment(),
                stdout=log,
                stderr=subprocess.STDOUT,
                check=False,
            )
            log.seek(begin)
            lines = log.read().splitlines()[-_KEPT_LINES:]
        return PipelineRun(done.returncode, None, "\n".join(lines))

    def command(self, *words: str) -> tuple[str, ...]:
        """What /usr/bin/env needs to run `dvc` in this project from any folder."""
        unset = [part for name in os.environ if _is_foreign(name) for part in ("-u", name)]
        code = f"PYTHONPATH={self.path('src')}"
        return (*unset, code, "dvc", "--cd", str(self.folder), *words[1:])

    def _environment(self) -> dict[str, str]:
        scripts = str(Path(sys.executable).parent)
        kept = {name: text for name, text in os.environ.items() if not _is_foreign(name)}
        path = f"{scripts}{os.pathsep}{kept.get('PATH', '')}"
        return kept | {"PATH": path, "PYTHONPATH": str(self.path("src"))}

    def _ledger_key(self) -> str:
        """The demonstration key that the stages made: a shell's own key must not sign here."""
        lines = self.path("ledger/demonstration.key").read_text(encoding="utf-8").splitlines()
        return "".join(line for line in lines if not line.startswith("#")).strip()


def simulated_settings(base: Settings, portfolio: Mapping[str, Any]) -> Settings:
    """Settings of a simulated project: those of `base`, on a portfolio of its own.

    Bars, policy and rules of monitoring stay. What differs: applicants are generated; triggers run
    the pipeline; an outcome is final after four weeks, as a year would take a year to matter.
    """
    content = base.model_dump(mode="json")
    content["ingest"] = {"synthetic": SyntheticSettings(**portfolio).model_dump(mode="json")}
    content["serve"] |= {"store_inputs": True, "retention_days": None, "shadow": "none"}
    content["promotion"]["automatic"] = True
    content["monitoring"]["auto_retrain"] = True
    content["monitoring"]["outcomes"]["window_days"] = OUTCOME_DAYS
    return Settings.model_validate(content)


def _is_foreign(name: str) -> bool:
    return name.startswith(_FOREIGN)
