"""What known outcomes say of the model that is watched."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from creditrisk.core.errors import CreditRiskError
from creditrisk.core.settings import RetrainingSettings
from creditrisk.monitoring.outcomes.alarms import OutcomeCheck
from creditrisk.monitoring.outcomes.performance import PerformanceReport
from creditrisk.monitoring.retraining.evidence import RuleEvidence, Verdict

PERFORMANCE = Path("reports/performance.json")

_INTEGRITY = "outcome_integrity"
_OF_A_GRADE = "outcome_grade"


def outcome_evidence(
    path: Path, bundle_sha256: str, settings: RetrainingSettings, now: datetime
) -> RuleEvidence:
    """Whether outcomes raise an alarm about this model.

    What was asked of another model does not count, nor what was asked of several together: a new
    model is not judged by the errors of the one before. A single grade is a person's case: a sound
    model's own misfit in one of many grades comes close to the bar. Outcomes that are not what was
    loaded are no reason to train on them.
    """
    if not path.exists():
        return _says("not measured", f"{path} does not exist: performance was never reported")
    try:
        report = PerformanceReport.read(path)
    except CreditRiskError as error:
        return _says("not measured", str(error))
    unusable = _unusable(report, settings, now)
    if unusable:
        return _says("not measured", f"{path}: {unusable}")
    if bundle_sha256 not in {model.scope for model in report.models}:
        return _says("pending", "no outcome of this model is known yet")
    return _judged(report, [one for one in report.checks if one.models == (bundle_sha256,)])


def _unusable(report: PerformanceReport, settings: RetrainingSettings, now: datetime) -> str | None:
    damage = [alarm.reason for alarm in report.alarms if alarm.name == _INTEGRITY]
    if damage:
        return damage[0]
    age = now.date() - report.as_of
    if age < timedelta(days=-1):
        return f"it is of {report.as_of}, and today is {now.date()}: a clock runs backwards"
    if age > timedelta(days=settings.max_evidence_days):
        return f"it is {age.days} days old, {settings.max_evidence_days:g} days are allowed"
    return None


def _judged(report: PerformanceReport, checks: Sequence[OutcomeCheck]) -> RuleEvidence:
    raised = [check for check in checks if check.status == "alarm"]
    if alarms := [check for check in raised if check.name != _OF_A_GRADE]:
        reasons = "; ".join(f"{alarm.name}, {alarm.reason}" for alarm in alarms)
        months = ",".join(report.judged_months)
        evidence = tuple(f"{alarm.name} {alarm.scope} {months}" for alarm in alarms)
        return RuleEvidence(
            verdict="fires", why=f"outcomes raise an alarm: {reasons}", evidence=evidence
        )
    if all(check.status == "not measured" for check in checks):
        return _says("pending", "too few outcomes of this model alone are known to judge")
    if raised:
        scopes = ", ".join(check.scope for check in raised)
        return _says("quiet", f"outcomes raise an alarm of single grades alone: {scopes}")
    return _says("quiet", "outcomes raise no alarm about this model")


def _says(verdict: Verdict, why: str) -> RuleEvidence:
    return RuleEvidence(verdict=verdict, why=why)
