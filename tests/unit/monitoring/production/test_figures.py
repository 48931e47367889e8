from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from production_pulls import Model, measured, production_rows

from creditrisk.monitoring.production.figures import FIGURES, drift_figures
from creditrisk.monitoring.production.report import DriftMetrics

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def figures(metrics: DriftMetrics) -> dict[str, float]:
    """Names and values."""
    return {one.name: one.value for one in drift_figures(metrics, {"Environment": "staging"}, NOW)}


def test_what_was_measured_is_sent(tmp_path: Path, model: Model) -> None:
    """With the installation as the one dimension, so that alarms outlive models."""
    metrics = DriftMetrics.of(measured(production_rows(), tmp_path, model))
    sent = figures(metrics)
    assert (sent["DriftMeasured"], sent["DriftDetected"], sent["DriftShare"]) == (1.0, 0.0, 0.0)
    assert sent["ApprovalRate"] == metrics.approval_rate
    assert sent["ContractViolations"] == 0.0
    assert {
        tuple(one.dimensions.items())
        for one in drift_figures(metrics, {"Environment": "staging"}, NOW)
    } == {(("Environment", "staging"),)}


def test_what_was_not_measured_is_not_zero(tmp_path: Path, model: Model) -> None:
    """It is sent as nothing at all, and that nothing was measured is sent."""
    sent = figures(DriftMetrics.of(measured(production_rows(1), tmp_path, model)))
    assert sent["DriftMeasured"] == 0.0
    assert not {"DriftDetected", "DriftShare", "DomainAuc"}.intersection(sent)
    assert sent["NotMeasured"] > 0


def test_every_figure_is_one_of_the_metrics() -> None:
    """A field that does not exist could never be sent."""
    assert set(FIGURES) < set(DriftMetrics.model_fields)
