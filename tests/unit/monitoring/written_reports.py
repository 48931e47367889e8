"""Reports of freshness and retraining, as their commands write them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from creditrisk.core.settings import MonitoringSettings
from creditrisk.monitoring.freshness.report import FreshnessReport, SourceFreshness
from creditrisk.monitoring.retraining.evidence import RuleEvidence
from creditrisk.monitoring.retraining.report import Request, RetrainTrigger, Rule

NOW = datetime(2026, 11, 20, tzinfo=UTC)


def freshness(status: Any = "stale", age_days: float = 40) -> FreshnessReport:
    """One source of that status."""
    source = SourceFreshness(
        file="bureau.csv",
        source="local",
        uri="x",
        status=status,
        modified_at=NOW,
        age_days=age_days,
        max_age_days=35,
        ingested_sha256="c" * 64,
        why=f"{age_days} days old",
    )
    return FreshnessReport(
        measured_at=NOW,
        latest_measured_at=NOW,
        summary_sha256=None,
        status=status,
        sources=(source,),
        problems=(),
    )


def retraining(*alarms: str, day: int = 20) -> RetrainTrigger:
    """A person's request that raised these alarms."""
    silent = RuleEvidence(verdict="quiet", why="nothing")
    return RetrainTrigger(
        request=Request(at=NOW.replace(day=day), reason="asked", dry=False),
        bundle_sha256=None,
        inputs=(),
        rule=Rule.of(MonitoringSettings()),
        drift=silent,
        outcomes=silent,
        previous=None,
        cool_down_until=None,
        decision="retrain",
        why="asked",
        alarms=alarms,
    )
