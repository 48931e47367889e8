"""Runs the steps of a night, and leaves a record whatever happens."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import NoReturn

from creditrisk.core.files import sha256_of
from creditrisk.core.process_lock import held
from creditrisk.monitoring.nightly.child import Ended, Interrupted, run_child
from creditrisk.monitoring.nightly.plan import BUNDLE, Step
from creditrisk.monitoring.nightly.report import (
    NIGHTLY,
    NightlyReport,
    NightStatus,
    StepRecord,
    StepStatus,
    WrittenFile,
)
from creditrisk.monitoring.retraining.training import FAILED_STAGE

# Beside the reports: what the pipeline hands on.
_WATCHED = (Path("dvc.lock"), Path(BUNDLE) / "manifest.json")
_KINDS = {".json", ".html", ".prom"}


@dataclass(frozen=True, slots=True)
class NightFiles:
    """Where the report lies, what is watched for changes, and the summary that is appended to."""

    out: Path = NIGHTLY
    summary: Path | None = None
    reports: Path = Path("reports")


def run_night(steps: Sequence[Step], files: NightFiles) -> NightlyReport:
    """Run the steps and report them; a report is there from the first step on.

    Raises:
        LockHeld: another night, or what it started, is at it; the report stays that one's.
    """
    lock = files.out.with_suffix(".lock")
    with held(lock, "The night") as handle, _told_to_end():
        # A disk that is full takes no new report, and last night's must not stand for this one.
        files.out.unlink(missing_ok=True)
        return _Night(steps, files, handle).run()


class _Night:
    """A night under way, its report kept up to date on disk."""

    def __init__(self, steps: Sequence[Step], files: NightFiles, lock_handle: int) -> None:
        self._steps = steps
        self._files = files
        self._lock_handle = lock_handle
        self._started_at = datetime.now(UTC)
        self._records: dict[str, StepRecord] = {}
        self._unwritten: str | None = None

    def run(self) -> NightlyReport:
        interrupted = False
        for step in self._steps:
            try:
                record = self._refrained(step, interrupted=interrupted) or self._ran(step)
            except Interrupted:
                record = _record(step, "interrupted", "the night was told to end")
            self._records[step.name] = record
            interrupted = interrupted or record.status == "interrupted"
        return self._end(interrupted=interrupted)

    def _refrained(self, step: Step, *, interrupted: bool) -> StepRecord | None:
        """The record of a step that is not to be run, None where it is."""
        if step.missing:
            return _record(step, "not configured", step.missing)
        if interrupted:
            return _record(step, "not run", "the night was told to end")
        unmet = [name for name in step.needs if self._records[name].status != "succeeded"]
        if unmet:
            return _record(step, "not run", f"{unmet[0]} {self._records[unmet[0]].status}")
        if step.only_after_failure_of:
            before = self._records[step.only_after_failure_of]
            if before.status == "succeeded" or _WATCHED[1].exists():
                return _record(step, "not needed", "the bundle is in its place")
        return None

    def _ran(self, step: Step) -> StepRecord:
        running = _record(step, "running", "under way")
        self._write("running", None, (*self._records.values(), running))
        before = self._states()
        ended = run_child(step.command, self._lock_handle)
        wrote = tuple(
            WrittenFile(path=str(path), sha256=sha256_of(path))
            for path, state in self._states().items()
            if before.get(path) != state
        )
        return running.model_copy(
            update={
                "status": _status(ended),
                "why": _reason(ended),
                "exit_code": ended.exit_code,
                "seconds": round(ended.seconds, 1),
                "wrote": wrote,
                "last_lines": ended.last_lines,
            }
        )

    def _states(self) -> dict[Path, tuple[int, int, int]]:
        """What tells a file from what it was: a file that is written atomically is a new one."""
        found = (path for path in sorted(self._files.reports.rglob("*")) if _is_report(path))
        paths = [path for path in (*found, *_WATCHED) if path.is_file()]
        states = ((path, path.stat()) for path in paths if path != self._files.out)
        return {path: (state.st_ino, state.st_mtime_ns, state.st_size) for path, state in states}

    def _end(self, *, interrupted: bool) -> NightlyReport:
        status: NightStatus = "succeeded"
        if interrupted:
            status = "interrupted"
        elif self._report("running", None, self._now).unfinished:
            status = "refused"
        report = self._write(status, datetime.now(UTC), self._now)
        self._append(report)
        if self._unwritten is None or status != "succeeded":
            return report
        return self._report("refused", datetime.now(UTC), self._now)

    @property
    def _now(self) -> tuple[StepRecord, ...]:
        return tuple(self._records.values())

    def _report(
        self, status: NightStatus, ended_at: datetime | None, steps: tuple[StepRecord, ...]
    ) -> NightlyReport:
        return NightlyReport(
            status=status, started_at=self._started_at, ended_at=ended_at, steps=steps
        )

    def _write(
        self, status: NightStatus, ended_at: datetime | None, steps: tuple[StepRecord, ...]
    ) -> NightlyReport:
        """Write the report; where the disk does not take it the night goes on and ends refused."""
        report = self._report(status, ended_at, steps)
        self._unwritten = None
        try:
            report.write(self._files.out)
        except OSError as error:
            self._tell(f"{self._files.out} was not written: {error}")
        return report

    def _append(self, report: NightlyReport) -> None:
        if self._files.summary is None:
            return
        try:
            with self._files.summary.open("a", encoding="utf-8") as stream:
                stream.write(report.markdown())
        except OSError as error:
            self._tell(f"{self._files.summary} was not written: {error}")

    def _tell(self, problem: str) -> None:
        self._unwritten = problem
        sys.stderr.write(f"{problem}\n")


def _is_report(path: Path) -> bool:
    return path.suffix in _KINDS and not path.name.startswith(".")


def _record(step: Step, status: StepStatus, why: str) -> StepRecord:
    return StepRecord(name=step.name, command=step.command, status=status, why=why)


def _status(ended: Ended) -> StepStatus:
    if ended.interrupted:
        return "interrupted"
    if ended.exit_code == 0:
        return "succeeded"
    return "refused" if ended.exit_code == 1 else "failed"


def _reason(ended: Ended) -> str:
    if ended.interrupted:
        return "the night was told to end"
    if ended.exit_code < 0:
        return f"its process was ended by signal {-ended.exit_code}"
    stage = FAILED_STAGE.search(ended.last_lines)
    return f"exit code {ended.exit_code}" + (f" of stage {stage[1]}" if stage else "")


@contextmanager
def _told_to_end() -> Iterator[None]:
    """Let SIGTERM and SIGINT interrupt the night wherever it is."""
    before = {number: signal.signal(number, _interrupt) for number in _ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


_ENDING = (signal.SIGTERM, signal.SIGINT)


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    # A second signal would interrupt the writing of the report.
    for number in _ENDING:
        signal.signal(number, signal.SIG_IGN)
    raise Interrupted
