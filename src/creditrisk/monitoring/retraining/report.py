"""`reports/retrain_trigger.json`: why automation did or did not act."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime  # noqa: TC002  Pydantic reads it

from creditrisk.core.report import Part, Report
from creditrisk.core.settings import MonitoringSettings, RetrainingSettings
from creditrisk.monitoring.retraining.evidence import RuleEvidence
from creditrisk.monitoring.retraining.runs import Result, RetrainRun
from creditrisk.monitoring.retraining.snapshot import NewData
from creditrisk.monitoring.retraining.training import TrainedState

TRIGGER = Path("reports/retrain_trigger.json")

Decided = Literal["retrain", "no trigger", "cool-down", "refused"]

RETRAIN_REFUSED = "retrain_refused"
RETRAIN_FAILED = "retrain_failed"
RETRAIN_WANTED = "retrain_wanted"


class InputFile(Part):
    """A file that was read; the hash is null where it does not exist."""

    path: str
    sha256: str | None


class Request(Part):
    """Who asks: a person with a reason, or nobody; `dry` says that nothing is to be run."""

    at: AwareDatetime
    reason: str | None
    dry: bool


class Rule(Part):
    """The numbers of params.yaml that decided."""

    auto_retrain: bool
    retraining: RetrainingSettings

    @classmethod
    def of(cls, settings: MonitoringSettings) -> Rule:
        """The numbers of these settings."""
        return cls(auto_retrain=settings.auto_retrain, retraining=settings.retraining)


class RetrainTrigger(Report):
    """One decision about retraining, and what came of it.

    `bundle_sha256` is the model that was watched. `previous` is the run before this one; where it
    says `interrupted`, its process was killed. `result` is null unless something was to be run:
    `unchanged` means that the pipeline had nothing to do, since neither data nor code nor settings
    had changed. A retrained model is a candidate; `next_command` says how it goes on.
    """

    request: Request
    bundle_sha256: str | None
    inputs: tuple[InputFile, ...]
    rule: Rule
    drift: RuleEvidence
    outcomes: RuleEvidence
    previous: RetrainRun | None
    cool_down_until: datetime | None
    decision: Decided
    why: str
    alarms: tuple[str, ...]
    command: str | None = None
    result: Result | None = None
    exit_code: int | None = None
    failed_stage: str | None = None
    problem: str | None = None
    new_data: NewData | None = None
    no_new_data_because: str | None = None
    before: TrainedState | None = None
    after: TrainedState | None = None
    next_command: str | None = None

    @property
    def has_failed(self) -> bool:
        """Whether a person must look: it was refused, or what was run failed."""
        return self.decision == "refused" or self.result == "failed"

    def sentence(self) -> str:
        """The report in a few lines for a person."""
        lines = [f"{self.decision}: {self.why}"]
        if self.result == "dry run":
            lines.append(f"not run (monitoring.auto_retrain is false); would run: {self.command}")
        if self.result in {"changed", "unchanged"}:
            lines.append(self._outcome())
        if self.result == "failed":
            stage = f" in {self.failed_stage}" if self.failed_stage else ""
            lines.append(f"{self.command} failed{stage}: {self.problem}")
        if self.next_command:
            lines.append(f"the model is a candidate; next: {self.next_command}")
        lines += [f"alarm: {alarm}" for alarm in self.alarms]
        return "\n".join(lines)

    def _outcome(self) -> str:
        added = self.new_data.applicants if self.new_data else 0
        data = self.no_new_data_because or f"{added:,} new labelled applicants"
        if self.result == "changed":
            return f"{data}; bundle {_short(self.before)} became {_short(self.after)}"
        if added:
            return f"{data}, but the source has them already: data and model are as before"
        return f"{data}; nothing to do: data, code and settings are those of the present model"


def _short(state: TrainedState | None) -> str:
    return (state.bundle_sha256 or "none")[:12] if state else "none"
