"""The figures of the API as CloudWatch keeps them: of one interval between two scrapes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from types import MappingProxyType

from creditrisk.observability.cloudwatch import Metric, Unit
from creditrisk.observability.exposition import Scrape

# What is published, with its unit.
API_FIGURES: Mapping[str, Unit] = MappingProxyType(
    {
        "ApiUp": "None",
        "RequestCount": "Count",
        "ErrorCount": "Count",
        "ErrorShare": "None",
        "UnavailableCount": "Count",
        "RefusedCount": "Count",
        "LatencyP50": "Seconds",
        "LatencyP95": "Seconds",
        "LatencyP99": "Seconds",
        "LedgerWriteP99": "Seconds",
        "QueueRecords": "Count",
        "DecisionCount": "Count",
        "DecisionApprovalRate": "None",
        "ModelsServed": "Count",
        "ModelRefusedCount": "Count",
        "ShadowMissedCount": "Count",
    }
)
_PATH = "/predict"
_ERRORS = range(500, 600)
_REQUESTS = "creditrisk_requests_total"
_DURATIONS = "creditrisk_request_duration_seconds"
_DECISIONS = "creditrisk_decisions_total"
_SHADOW = "creditrisk_shadow_records_total"


def api_figures(
    now: Scrape, before: Scrape | None, dimensions: Mapping[str, str]
) -> tuple[Metric, ...]:
    """The figures of the interval between two scrapes; what did not happen has no percentile.

    At the first scrape nobody knows when things were counted: then only what is true now is told.
    """
    figures = {"ApiUp": 1.0} | dict(_present(now))
    if before is not None:
        figures |= dict(_interval(now.since(before)))
    return tuple(
        Metric(name, value, API_FIGURES[name], dimensions, now.at)
        for name, value in figures.items()
        if value is not None
    )


def api_is_down(at: datetime, dimensions: Mapping[str, str]) -> Metric:
    """What is told of an API that does not answer."""
    return Metric("ApiUp", 0.0, API_FIGURES["ApiUp"], dimensions, at)


def _present(now: Scrape) -> Iterator[tuple[str, float | None]]:
    yield "QueueRecords", now.total("creditrisk_queue_records")
    bundles = {
        dict(series[1]).get("bundle_sha256")
        for series, workers in now.values.items()
        if series[0] == "creditrisk_model_info" and workers > 0
    }
    yield "ModelsServed", float(len(bundles))


def _interval(since: Scrape) -> Iterator[tuple[str, float | None]]:
    requests = since.total(_REQUESTS, path=_PATH) or 0.0
    errors = sum(since.total(_REQUESTS, path=_PATH, status=str(code)) or 0.0 for code in _ERRORS)
    yield "RequestCount", requests
    yield "ErrorCount", errors
    yield "ErrorShare", errors / requests if requests else None
    yield "UnavailableCount", since.total(_REQUESTS, path=_PATH, status="503") or 0.0
    yield "RefusedCount", since.total(_REQUESTS, path=_PATH, status="422") or 0.0
    for percent in (50, 95, 99):
        yield f"LatencyP{percent}", since.quantile(percent / 100, _DURATIONS, path=_PATH)
    yield "LedgerWriteP99", since.quantile(0.99, "creditrisk_ledger_write_duration_seconds")
    decisions = since.total(_DECISIONS) or 0.0
    approved = since.total(_DECISIONS, decision="approve") or 0.0
    yield "DecisionCount", decisions
    yield "DecisionApprovalRate", approved / decisions if decisions else None
    yield (
        "ModelRefusedCount",
        since.total("creditrisk_model_reloads_total", result="refused") or 0.0,
    )
    scored = since.total(_SHADOW, result="scored") or 0.0
    yield "ShadowMissedCount", (since.total(_SHADOW) or 0.0) - scored
