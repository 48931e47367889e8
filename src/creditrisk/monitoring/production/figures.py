"""The figures of a production drift report as CloudWatch keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

from creditrisk.monitoring.production.report import DriftMetrics
from creditrisk.observability.cloudwatch import Metric, Unit

# Field of the metrics: name and unit in CloudWatch.
FIGURES: Mapping[str, tuple[str, Unit]] = MappingProxyType(
    {
        "rows": ("DriftRows", "Count"),
        "drift_detected": ("DriftDetected", "None"),
        "drift_share": ("DriftShare", "None"),
        "score_psi": ("ScorePsi", "None"),
        "domain_auc": ("DomainAuc", "None"),
        "mean_pd": ("MeanPd", "None"),
        "approval_rate": ("ApprovalRate", "None"),
        "approval_change": ("ApprovalChange", "None"),
        "contract_violations": ("ContractViolations", "Count"),
        "unseen_categories": ("UnseenCategories", "Count"),
        "not_measured": ("NotMeasured", "Count"),
    }
)


def drift_figures(
    metrics: DriftMetrics, dimensions: Mapping[str, str], at: datetime
) -> list[Metric]:
    """The figures that were measured; what was not is sent as nothing, never as zero.

    `DriftMeasured` is 1 or 0, so that an alarm can tell 'no drift' from 'not measured'.
    """
    values = metrics.model_dump(include=set(FIGURES))
    figures = [
        Metric(name, float(values[field]), unit, dimensions, at)
        for field, (name, unit) in FIGURES.items()
        if values[field] is not None
    ]
    measured = float(metrics.drift_detected is not None)
    return [*figures, Metric("DriftMeasured", measured, "None", dimensions, at)]
