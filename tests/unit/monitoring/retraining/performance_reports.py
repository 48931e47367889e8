"""Reports of performance on known outcomes."""

from __future__ import annotations

from datetime import date
from typing import Any

from creditrisk.core.settings import OutcomeSettings
from creditrisk.monitoring.outcomes.alarms import OutcomeAlarm, OutcomeCheck, alarms_of
from creditrisk.monitoring.outcomes.performance import PerformanceReport, ScopePerformance

MODEL, OTHER_MODEL = "a" * 64, "b" * 64


def check(
    name: str, scope: str = "all", status: str = "alarm", models: tuple[str, ...] = (MODEL,)
) -> OutcomeCheck:
    """A question about these models with its answer."""
    facts: dict[str, Any] = {"name": name, "scope": scope, "status": status, "models": models}
    return OutcomeCheck(observed="seen", bar="wanted", **facts)


QUIET = check("outcome_discrimination", status="quiet")


def performance(
    *checks: OutcomeCheck,
    as_of: date,
    models: tuple[str, ...],
    months: tuple[str, ...] = ("2025-05",),
) -> PerformanceReport:
    """A report of these answers about these models."""
    alarms: tuple[OutcomeAlarm, ...] = alarms_of(checks)
    return PerformanceReport(
        as_of=as_of,
        status="alarm" if alarms else "quiet",
        alarms=alarms,
        checks=checks,
        judged_months=months,
        settings=OutcomeSettings(),
        loads=1,
        outcomes=1_000,
        unread={},
        selection="",
        overall=None,
        models=tuple(
            ScopePerformance(scope=model, outcomes={}, matured=None, grades=()) for model in models
        ),
        months=(),
        test_side=None,
    )
