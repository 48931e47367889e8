"""The production drift report as a page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from creditrisk.monitoring.drift.pages import DriftPage, Judged
from creditrisk.monitoring.production.report import (
    BrokenRule,
    Change,
    ProductionDriftReport,
    Window,
)

_SHOWN_DIGITS = 12


def production_page(report: ProductionDriftReport, drawn_columns: int) -> DriftPage:
    """The page of a report, which says all that the report does but for the hashes of files."""
    return DriftPage(
        title="Production against training",
        status=report.status,
        facts=_facts(report),
        judged=Judged(report.confidence, report.tests, report.level, report.bars),
        score=report.score,
        domain=report.domain,
        features=report.features,
        lists={
            "Not measured": [f"{one.what}: {one.why}" for one in report.not_measured],
            "Contract violations": [
                _sentence(rule) for rule in report.broken_rules if rule.refuses
            ],
            "Warnings, tolerated and relaxed rules": [
                _sentence(rule) for rule in report.broken_rules if not rule.refuses
            ],
            "Columns that nothing reads": report.extra_columns,
        },
        drawn_columns=drawn_columns,
    )


def _facts(report: ProductionDriftReport) -> Mapping[str, str]:
    return {
        "Measured": _window(report.window),
        "Alarms": ", ".join(report.alarms) or "none",
        "Model": f"{report.bundle_sha256[:_SHOWN_DIGITS]}, {report.reference_rows:,} training rows",
        "Inputs": _inputs(report),
        **dict(_predictions(report)),
        "Contract violations": f"{report.contract_violations:,}",
        "Unseen categories": f"{report.unseen_categories:,} cells",
    }


def _window(window: Window) -> str:
    times = (
        f", from {window.first_at:%Y-%m-%d %H:%M} to {window.last_at:%Y-%m-%d %H:%M}"
        if window.first_at and window.last_at
        else ""
    )
    shown = f"{window.shown}, {window.rows:,} applicants{times}"
    return f"{shown}, sha256 {window.sha256[:_SHOWN_DIGITS]}"


def _inputs(report: ProductionDriftReport) -> str:
    counts = {
        status: sum(shift.status == status for shift in report.features)
        for status in ("drifted", "shifted", "stable", "not measured")
    }
    return ", ".join(f"{count} {status}" for status, count in counts.items())


def _predictions(report: ProductionDriftReport) -> Iterator[tuple[str, str]]:
    if report.predictions is None:
        yield "Predictions", f"not measured: {report.score.reason}"
        return
    yield "Mean PD", f"{report.predictions.mean_pd:.4f}"
    yield "Approved", _change(report.predictions.approval)
    yield "Declined", _change(report.predictions.decline)


def _change(change: Change) -> str:
    return (
        f"{change.current_share:.1%}, by today's policy {change.reference_share:.1%} of the training "
        f"side: {change.status} (by chance within {change.critical_difference:.1%})"
    )


def _sentence(rule: BrokenRule) -> str:
    excuse = f" ({rule.because})" if rule.because else ""
    return f"{rule.rule}: {rule.violations:,} of {rule.rows:,}, {rule.description}{excuse}"
