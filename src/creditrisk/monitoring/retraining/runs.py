"""The runs that triggers led to: what the cool-down and 'this was acted on already' are judged by."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal, Self

from pydantic import AwareDatetime  # noqa: TC002  Pydantic reads it

from creditrisk.core.report import Part, Report
from creditrisk.monitoring.retraining.history import ClockRunsBackwards

RUNS = Path("reports/retrain_runs.json")

Result = Literal["running", "dry run", "changed", "unchanged", "failed", "interrupted"]

_KEPT = 50
_CLOCK_TOLERANCE = timedelta(minutes=5)


class RetrainRun(Part):
    """One run: why it began, on which evidence, how it ended."""

    started_at: AwareDatetime
    why: str
    asked_for: bool
    evidence: tuple[str, ...]
    bundle_before: str | None
    result: Result

    @property
    def has_answered(self) -> bool:
        """Whether the pipeline has run to its end, so that the same evidence asks for no more."""
        return self.result in {"changed", "unchanged"}


class RetrainRuns(Report):
    """The latest runs, oldest first."""

    format_version: Literal[1] = 1
    runs: tuple[RetrainRun, ...] = ()

    @classmethod
    def of(cls, path: Path) -> Self:
        """The runs, none where none was written yet.

        Raises:
            UnreadableReport: the file is damaged.
        """
        return cls.read(path) if path.exists() else cls()

    @property
    def last(self) -> RetrainRun | None:
        """The latest run."""
        return self.runs[-1] if self.runs else None

    def started(self, run: RetrainRun) -> Self:
        """With one more run."""
        return self.model_copy(update={"runs": (*self.runs, run)[-_KEPT:]})

    def ended(self, result: Result) -> Self:
        """With the result of the latest run."""
        last = self.runs[-1].model_copy(update={"result": result})
        return self.model_copy(update={"runs": (*self.runs[:-1], last)})

    def without_running(self) -> Self:
        """A run that is still said to run was killed: nobody holds the lock but the one who asks."""
        last = self.last
        return self.ended("interrupted") if last and last.result == "running" else self

    def cool_until(self, cool_down_days: float, *, dry: bool) -> datetime | None:
        """Until when the latest trigger silences the next, None where there was none.

        An interrupted run silences nothing, and a dry one only further dry ones: nothing was done.
        """
        counted = [
            run
            for run in self.runs
            if run.result != "interrupted" and (dry or run.result != "dry run")
        ]
        return counted[-1].started_at + timedelta(days=cool_down_days) if counted else None

    def answered(self, evidence: Iterable[str]) -> RetrainRun | None:
        """The run that answered all of this evidence."""
        wanted = set(evidence)
        fitting = [run for run in self.runs if run.has_answered and wanted <= set(run.evidence)]
        return fitting[-1] if wanted and fitting else None

    def check_clock(self, now: datetime) -> None:
        """Refuse to judge a cool-down where the latest run began in the future.

        Raises:
            ClockRunsBackwards.
        """
        latest = max((run.started_at for run in self.runs), default=now)
        if latest > now + _CLOCK_TOLERANCE:
            raise ClockRunsBackwards("a retraining began", latest, now)
