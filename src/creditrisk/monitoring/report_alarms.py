"""The alarms of each report as people are told of them; each name is a heading of docs/runbook.md."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from creditrisk.monitoring.alerts import Alarm
from creditrisk.observability.webhook import Alert, Severity

if TYPE_CHECKING:
    from creditrisk.monitoring.freshness.report import FreshnessReport, SourceStatus
    from creditrisk.monitoring.outcomes.performance import PerformanceReport
    from creditrisk.monitoring.production.report import ProductionDriftReport
    from creditrisk.monitoring.retraining.report import RetrainTrigger

# Every alarm that is posted.
SEVERITIES: Mapping[str, Severity] = MappingProxyType(
    {
        "data_stale": "warning",
        "data_superseded": "warning",
        "freshness_not_measured": "warning",
        "production_drift": "warning",
        "drift_not_measured": "warning",
        "outcome_discrimination": "critical",
        "outcome_calibration": "critical",
        "outcome_grade": "critical",
        "outcome_relation": "critical",
        "outcome_integrity": "critical",
        "drift_windows_not_measured": "warning",
        "retrain_wanted": "info",
        "retrain_refused": "warning",
        "retrain_failed": "critical",
    }
)
_STATUS_OF: Mapping[str, SourceStatus] = MappingProxyType(
    {
        "data_stale": "stale",
        "data_superseded": "superseded",
        "freshness_not_measured": "not measured",
    }
)


def freshness_alarms(report: FreshnessReport) -> tuple[Alarm, ...]:
    """Stale, superseded, not measured: again once other files, or other contents, are concerned."""
    alarms = []
    for name in report.alarms:
        sources = report.of_status(_STATUS_OF[name])
        facts = {source.file: source.why or source.status for source in sources}
        seen = sorted(
            f"{source.file} {source.ingested_sha256} {source.modified_at}" for source in sources
        )
        problems = report.problems if name == "freshness_not_measured" else ()
        text = "; ".join(problems) or f"{len(sources)} sources"
        day = report.measured_at.date().isoformat() if problems else ""
        alarms.append(_alarm(name, text, facts, f"{seen} {day}"))
    return tuple(alarms)


def production_alarms(report: ProductionDriftReport) -> tuple[Alarm, ...]:
    """Drift of a window, or that it was not measured: once a window and model."""
    facts = {"window": report.window.shown, "bundle": report.bundle_sha256[:12]}
    evidence = f"{report.window.sha256} {report.bundle_sha256}"
    if report.drift_detected:
        return (_alarm("production_drift", report.headline(), facts, evidence),)
    if report.drift_detected is None:
        return (_alarm("drift_not_measured", report.headline(), facts, evidence),)
    return ()


def outcome_alarms(report: PerformanceReport) -> tuple[Alarm, ...]:
    """What known outcomes say: again once months or figures change."""
    months = ", ".join(report.judged_months)
    return tuple(
        _alarm(
            alarm.name,
            alarm.reason,
            {"scope": alarm.scope, "months": months},
            f"{alarm.scope} {months} {alarm.reason}",
        )
        for alarm in report.alarms
    )


def retraining_alarms(report: RetrainTrigger) -> tuple[Alarm, ...]:
    """What keeps a retraining from being done: again once what was read changes.

    A failed run is told each time: it was another run.
    """
    inputs = sorted(f"{file.path} {file.sha256}" for file in report.inputs)
    facts = {"decision": report.decision, "bundle": (report.bundle_sha256 or "none")[:12]}
    return tuple(
        _alarm(
            name,
            report.problem or report.why,
            facts,
            f"{inputs} {report.bundle_sha256}"
            + (f" {report.request.at}" if name == "retrain_failed" else ""),
        )
        for name in dict.fromkeys(report.alarms)
        if name in _RETRAINING
    )


_RETRAINING = {name for name in SEVERITIES if name.startswith(("retrain_", "drift_windows_"))}


def _alarm(name: str, text: str, facts: Mapping[str, str], evidence: str) -> Alarm:
    runbook = {"runbook": f"docs/runbook.md#{name}"}
    return Alarm(Alert(name, SEVERITIES[name], text, {**facts, **runbook}), evidence)
