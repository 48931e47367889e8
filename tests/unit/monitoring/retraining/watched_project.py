"""A project with a model, reports about it, and a stand-in for the pipeline."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from performance_reports import QUIET, check, performance

from creditrisk.core.settings import Settings
from creditrisk.monitoring.retraining.history import DriftHistory, DriftWindow
from creditrisk.monitoring.retraining.report import Request, RetrainTrigger
from creditrisk.monitoring.retraining.runs import RetrainRuns
from creditrisk.monitoring.retraining.snapshot import NewData
from creditrisk.monitoring.retraining.training import TrainedFiles
from creditrisk.monitoring.retraining.trigger import NoNewData, RetrainFiles, Retraining, retrain

NOW = datetime(2026, 6, 1, tzinfo=UTC)
MODEL = "a" * 64
ADDED = NewData(sha256="c" * 64, applicants=7, defaults=1, left_out={})

# Stand-ins for `dvc repro validate_model`, run in the project's folder.
CHANGES = "open('train.parquet', 'a').write('more'); open('manifest.json', 'a').write('more')"
CHANGES_NOTHING = "print('Stage is cached')"
FAILS = (
    "open('train.parquet', 'a').write('more'); import sys; "
    "sys.exit(\"ERROR: failed to reproduce 'build_feature_store': it is refused\")"
)


def nobody_new() -> NewData:
    """What known outcomes give where there is no ledger."""
    raise NoNewData(Path("anchor.json"))


@dataclass(frozen=True)
class WatchedProject:
    """The files of one project; `at` counts days from now."""

    folder: Path

    @property
    def files(self) -> RetrainFiles:
        """Where everything lies."""
        names = ("history", "performance", "pointer", "runs", "trigger", "lock")
        places = {name: self.folder / f"{name}.json" for name in names}
        trained = TrainedFiles(self.folder / "train.parquet", self.folder / "manifest.json")
        return RetrainFiles(**places, trained=trained)

    def drifted(self, *shares: float) -> None:
        """Note weekly windows, the last of them today."""
        windows = tuple(
            DriftWindow(
                window_sha256=f"{number:064x}",
                bundle_sha256=MODEL,
                measured_at=NOW - timedelta(days=7 * (len(shares) - number - 1)),
                rows=1_000,
                status="stable",
                drift_share=share,
            )
            for number, share in enumerate(shares)
        )
        DriftHistory(windows=windows).write(self.files.history)

    def judged(self, *alarms: str) -> None:
        """Report performance with these alarms."""
        checks = (QUIET, *map(check, alarms))
        report = performance(*checks, as_of=NOW.date(), models=(MODEL,))
        report.write(self.files.performance)

    def ask(
        self,
        script: str = CHANGES,
        *,
        at: float = 0.0,
        reason: str | None = None,
        dry: bool = False,
        take: Callable[[], NewData] = lambda: ADDED,
        **others: Any,
    ) -> RetrainTrigger:
        """One call, with a script in place of the pipeline."""
        prefix = f"import os; os.chdir({str(self.folder)!r}); "
        return retrain(
            Retraining(
                request=Request(at=NOW + timedelta(days=at), reason=reason, dry=dry),
                bundle_sha256=others.pop("bundle_sha256", MODEL),
                settings=Settings(),
                files=self.files,
                take_snapshot=take,
                command=(sys.executable, "-c", prefix + script),
                **others,
            )
        )

    def report(self) -> RetrainTrigger:
        """The report on disk."""
        return RetrainTrigger.read(self.files.trigger)

    def results(self) -> list[str]:
        """How the runs ended."""
        return [run.result for run in RetrainRuns.of(self.files.runs).runs]
