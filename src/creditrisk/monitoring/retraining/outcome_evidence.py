"""What known outcomes say of the model that is watched."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from creditrisk.core.errors import CreditRiskError
from creditrisk.core.settings import RetrainingSettings
from creditrisk.monitoring.outcomes.alarms import OutcomeAlarm
from creditrisk.monitoring.outcomes.performance import PerformanceReport
from creditrisk.monitoring.retraining.evidence import RuleEvidence, Verdict

PERFORMANCE = Path("reports/performance.json")

_INTEGRITY = "outcome_integrity"
_OF_ONE_MODEL = "model "
_SHOWN_OF_A_HASH = 12


def outcome_evidence(
    path: Path, bundle_sha256: str, settings: RetrainingSettings, now: datetime
) -> RuleEvidence:
    """Whether outcomes raise an alarm about this model.

    An alarm about another model does not count, nor do those of all models together where this one
    has no outcome yet: a new model is not judged by the errors of the one before. Outcomes that are
    not what was loaded are no reason to train on them.
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
    return _judged(report, [alarm for alarm in report.alarms if _is_about(alarm, bundle_sha256)])


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


def _is_about(alarm: OutcomeAlarm, bundle_sha256: str) -> bool:
    """Whether an alarm is about this model, or about all that have outcomes."""
    own = _OF_ONE_MODEL + bundle_sha256[:_SHOWN_OF_A_HASH]
    return alarm.scope == own or not alarm.scope.startswith(_OF_ONE_MODEL)


def _judged(report: PerformanceReport, alarms: Sequence[OutcomeAlarm]) -> RuleEvidence:
    if alarms:
        reasons = "; ".join(f"{alarm.name}, {alarm.reason}" for alarm in alarms)
        months = ",".join(report.judged_months)
        evidence = tuple(f"{alarm.name} {alarm.scope} {months}" for alarm in alarms)
        return RuleEvidence(
            verdict="fires", why=f"outcomes raise an alarm: {reasons}", evidence=evidence
        )
    if all(check.status == "not measured" for check in report.checks):
        return _says("pending", "too few outcomes are known to judge")
    return _says("quiet", "outcomes raise no alarm")


def _says(verdict: Verdict, why: str) -> RuleEvidence:
    return RuleEvidence(verdict=verdict, why=why)
