"""What known outcomes say of the model that is watched."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ValidationError

from creditrisk.core.errors import validation_problems
from creditrisk.monitoring.retraining.evidence import RuleEvidence

PERFORMANCE = Path("reports/performance.json")


class _Alarm(BaseModel):
    name: str


class _Performance(BaseModel):
    alarms: tuple[_Alarm, ...]


def outcome_evidence(path: Path) -> RuleEvidence:
    """Whether known outcomes raise an alarm."""
    if not path.exists():
        return _not_measured(f"{path} does not exist: performance was never reported")
    try:
        performance = _Performance.model_validate_json(path.read_bytes())
    except ValidationError as error:
        return _not_measured(f"{path} is no performance report: {validation_problems(error)[0]}")
    names = [alarm.name for alarm in performance.alarms]
    if not names:
        return RuleEvidence(verdict="quiet", why="outcomes raise no alarm")
    return RuleEvidence(
        verdict="fires", why=f"outcomes raise an alarm: {', '.join(names)}", evidence=tuple(names)
    )


def _not_measured(why: str) -> RuleEvidence:
    return RuleEvidence(verdict="not measured", why=why)
