"""The figures of a freshness report as CloudWatch keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

from creditrisk.monitoring.freshness.report import FreshnessReport
from creditrisk.observability.cloudwatch import Metric, Unit

FIGURES: Mapping[str, Unit] = MappingProxyType(
    {
        "FreshnessMeasured": "None",
        "StaleSources": "Count",
        "SupersededSources": "Count",
        "OldestSourceAge": "Seconds",
        "SourceAge": "Seconds",
    }
)
_DAY_SECONDS = 86_400


def freshness_figures(
    report: FreshnessReport, dimensions: Mapping[str, str], at: datetime
) -> list[Metric]:
    """Ages that were measured; `FreshnessMeasured` is 0 where one is missing."""
    ages = {s.file: s.age_days * _DAY_SECONDS for s in report.sources if s.age_days is not None}
    figures = {
        "FreshnessMeasured": float(report.status != "not measured"),
        "StaleSources": float(len(report.of_status("stale"))),
        "SupersededSources": float(len(report.of_status("superseded"))),
    }
    if ages:
        figures["OldestSourceAge"] = max(ages.values())
    of_files = [
        Metric("SourceAge", age, FIGURES["SourceAge"], {**dimensions, "File": file}, at)
        for file, age in ages.items()
    ]
    whole = [Metric(n, value, FIGURES[n], dimensions, at) for n, value in figures.items()]
    return [*whole, *of_files]
