"""Whether to retrain, given what the rules say and what was run before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from creditrisk.core.errors import CreditRiskError
from creditrisk.core.settings import RetrainingSettings
from creditrisk.monitoring.retraining.evidence import RuleEvidence
from creditrisk.monitoring.retraining.report import Decided, Request
from creditrisk.monitoring.retraining.runs import RetrainRuns


@dataclass(frozen=True, slots=True)
class Case:
    """All that a decision is made on; `damage` is why the earlier runs cannot be read."""

    request: Request
    drift: RuleEvidence
    outcomes: RuleEvidence
    runs: RetrainRuns
    damage: str | None
    settings: RetrainingSettings

    @property
    def fired(self) -> list[RuleEvidence]:
        """The rules that ask for a retraining."""
        return [rule for rule in (self.drift, self.outcomes) if rule.verdict == "fires"]

    @property
    def cool_down_until(self) -> datetime | None:
        """Until when an earlier trigger silences this one."""
        return self.runs.cool_until(self.settings.cool_down_days, dry=self.request.dry)


def decide(case: Case) -> tuple[Decided, str]:
    """The decision, and why.

    A person is always followed. A rule that fires is, unless an earlier trigger silences it or has
    answered the same evidence. Where no rule fires, all must have been able to: 'not measured' is
    refused, never taken for quiet. Outcomes that nobody can know yet refuse nothing.
    """
    if case.request.reason is not None:
        return "retrain", f"a person asks: {case.request.reason}"
    if case.damage is not None:
        return "refused", f"the earlier runs are unknown: {case.damage}"
    try:
        case.runs.check_clock(case.request.at)
    except CreditRiskError as error:
        return "refused", str(error)
    if case.fired:
        return _unless_silenced(case, case.fired)
    return _quiet([case.drift, case.outcomes])


def _unless_silenced(case: Case, fired: Sequence[RuleEvidence]) -> tuple[Decided, str]:
    why = "; ".join(rule.why for rule in fired)
    until = case.cool_down_until
    if until is not None and case.request.at < until:
        return "cool-down", f"{why}; but the latest trigger silences others until {until:%F %R} UTC"
    answered = case.runs.answered(item for rule in fired for item in rule.evidence)
    if answered is not None:
        return (
            "no trigger",
            f"{why}; but this was answered by the run of {answered.started_at:%F %R} UTC",
        )
    return "retrain", why


def _quiet(rules: Sequence[RuleEvidence]) -> tuple[Decided, str]:
    unknown = [rule.why for rule in rules if rule.verdict == "not measured"]
    if unknown:
        return "refused", "not measured: " + "; ".join(unknown)
    return "no trigger", "; ".join(rule.why for rule in rules)
