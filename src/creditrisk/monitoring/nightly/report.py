"""`reports/nightly.json`: what each step of a night did, and why others were not run."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime

from creditrisk.core.report import Number, Part, Report

NIGHTLY = Path("reports/nightly.json")

# refused: exit 1, a gate or missing evidence. failed: any other end but 0, a kill among them.
StepStatus = Literal[
    "succeeded",
    "refused",
    "failed",
    "interrupted",
    "running",
    "not run",
    "not needed",
    "not configured",
]
NightStatus = Literal["running", "succeeded", "refused", "interrupted"]

_BAD: tuple[StepStatus, ...] = ("refused", "failed", "interrupted", "not run")


class WrittenFile(Part):
    """A file that a step wrote, with what it holds since."""

    path: str
    sha256: str


class StepRecord(Part):
    """One step: what was run and what came of it.

    `exit_code` is negative where a signal ended the process. `why` says what the status rests on;
    `last_lines` are what the process said last.
    """

    name: str
    command: tuple[str, ...]
    status: StepStatus
    why: str
    exit_code: int | None = None
    seconds: Number | None = None
    wrote: tuple[WrittenFile, ...] = ()
    last_lines: str = ""


class NightlyReport(Report):
    """One night. `running` in a file that nobody writes any more means that the night was killed."""

    status: NightStatus
    started_at: AwareDatetime
    ended_at: AwareDatetime | None
    steps: tuple[StepRecord, ...]

    @property
    def unfinished(self) -> tuple[StepRecord, ...]:
        """The steps for which a person must look."""
        return tuple(step for step in self.steps if step.status in _BAD)

    def sentence(self) -> str:
        """The night in a line for a person."""
        if not self.unfinished:
            return f"night {self.status}: {self._counted()}"
        named = "; ".join(f"{step.name} {step.status}: {step.why}" for step in self.unfinished)
        return f"night {self.status}: {named}"

    def _counted(self) -> str:
        done = sum(step.status == "succeeded" for step in self.steps)
        absent = [step.name for step in self.steps if step.status == "not configured"]
        without = f", not configured: {', '.join(absent)}" if absent else ""
        return f"{done} of {len(self.steps)} steps succeeded{without}"

    def markdown(self) -> str:
        """The night as a section of a summary page."""
        lines = [
            f"## Night {self.status}",
            "",
            "| step | result | exit | seconds | why |",
            "| --- | --- | ---: | ---: | --- |",
            *map(_row, self.steps),
            "",
        ]
        for step in self.unfinished:
            if step.last_lines:
                lines += [f"Last lines of `{step.name}`:", "", *_quoted(step.last_lines), ""]
        return "\n".join(lines) + "\n"


def _row(step: StepRecord) -> str:
    exit_code = "" if step.exit_code is None else str(step.exit_code)
    seconds = "" if step.seconds is None else f"{step.seconds:.0f}"
    why = step.why.replace("|", "\\|")
    return f"| {step.name} | {step.status} | {exit_code} | {seconds} | {why} |"


def _quoted(text: str) -> list[str]:
    """The text as an indented block, which no line of it can end."""
    return [f"    {line}" for line in text.splitlines()]
