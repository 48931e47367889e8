"""Which metrics there really are: those of the API and those of the textfile."""

from __future__ import annotations

import re
from functools import cache

from prometheus_client.parser import text_string_to_metric_families

from creditrisk.monitoring.textfile import GAUGES
from creditrisk.observability.metrics import ServiceMetrics


@cache
def exposed_metrics() -> frozenset[str]:
    """Names of all series of ours, a histogram's parts too."""
    families = text_string_to_metric_families(ServiceMetrics().text().decode())
    parts = {
        "counter": ("_total",),
        "histogram": ("_bucket", "_count", "_sum"),
        "gauge": ("",),
    }
    api = {family.name + part for family in families for part in parts[family.type]}
    api = {name for name in api if not name.endswith("_created")}
    return frozenset(api | {f"creditrisk_{name}" for name in GAUGES})


def named_metrics(expression: str) -> set[str]:
    """The metrics of ours that an expression of PromQL names."""
    without_texts = re.sub(r'"[^"]*"', '""', expression)
    return set(re.findall(r"\bcreditrisk_\w+", without_texts))
