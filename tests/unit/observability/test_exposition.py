from __future__ import annotations

from datetime import UTC, datetime

import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from creditrisk.observability.api_figures import API_FIGURES, api_figures, api_is_down
from creditrisk.observability.exposition import Scrape
from creditrisk.observability.metrics import ServiceMetrics

NOW = datetime(2026, 11, 20, tzinfo=UTC)
PLACE = {"Model": "CreditRiskPD", "Environment": "test"}


class Api:
    """The API's own metrics, as a caller of /metrics sees them."""

    def __init__(self) -> None:
        self.metrics = ServiceMetrics()

    def answers(self, status: int, times: int, seconds: float = 0.003) -> None:
        """Note answers to /predict."""
        self.metrics.requests.labels("POST", "/predict", status).inc(times)
        for _ in range(times):
            self.metrics.durations.labels("/predict").observe(seconds)

    def scrape(self) -> Scrape:
        """What /metrics says."""
        return Scrape.of(self.metrics.text().decode(), NOW)


def figures(now: Scrape, before: Scrape | None) -> dict[str, float]:
    return {metric.name: metric.value for metric in api_figures(now, before, PLACE)}


def test_only_what_is_new_counts() -> None:
    """A figure is of the interval between two scrapes, not of all time."""
    api = Api()
    api.answers(200, 50)
    before = api.scrape()
    api.answers(200, 98)
    api.answers(503, 2)
    found = figures(api.scrape(), before)
    assert (found["RequestCount"], found["ErrorCount"], found["UnavailableCount"]) == (100, 2, 2)
    assert found["ErrorShare"] == 0.02


def test_a_server_that_started_anew_counts_from_zero() -> None:
    """After a restart all that is shown is new; no increase is ever negative."""
    old, new = Api(), Api()
    old.answers(200, 50)
    new.answers(200, 7)
    assert figures(new.scrape(), old.scrape())["RequestCount"] == 7


def test_a_restart_that_overtook_is_seen_by_any_counter() -> None:
    """One counter that is lower, or gone, tells of the restart for all others."""
    old, new = Api(), Api()
    old.answers(200, 5)
    old.answers(422, 1)
    new.answers(200, 60)
    assert figures(new.scrape(), old.scrape())["RequestCount"] == 60


def test_the_first_scrape_tells_the_present_alone() -> None:
    """Nobody knows when things were counted before the first look."""
    api = Api()
    api.answers(200, 50)
    api.metrics.queue.set(3)
    api.metrics.serves({"name": "m", "version": "1", "bundle_sha256": "a"})
    assert figures(api.scrape(), None) == {"ApiUp": 1, "QueueRecords": 3, "ModelsServed": 1}


def test_percentiles_come_from_the_buckets() -> None:
    """Of the interval's answers alone, interpolated within the bucket."""
    api = Api()
    api.answers(200, 1_000, seconds=20)
    before = api.scrape()
    api.answers(200, 96)
    api.answers(200, 4, seconds=0.3)
    found = figures(api.scrape(), before)
    assert 0.002 < found["LatencyP50"] < 0.004
    assert found["LatencyP95"] < 0.005
    assert 0.15 < found["LatencyP99"] < 0.5


def test_what_did_not_happen_has_no_percentile_and_no_share() -> None:
    """A quiet minute has counts of zero, and neither latency nor rate."""
    api = Api()
    found = figures(api.scrape(), api.scrape())
    assert found["RequestCount"] == 0
    assert found.keys() & {"LatencyP99", "ErrorShare", "DecisionApprovalRate"} == set()


def test_decisions_and_models_are_told() -> None:
    """Approval rate, refused models and what the challenger missed."""
    api = Api()
    before = api.scrape()
    api.metrics.decisions.labels("approve").inc(3)
    api.metrics.decisions.labels("decline").inc(1)
    api.metrics.reloads.labels("refused").inc()
    api.metrics.shadow.labels("scored").inc(10)
    api.metrics.shadow.labels("dropped").inc(4)
    found = figures(api.scrape(), before)
    assert (found["DecisionApprovalRate"], found["DecisionCount"]) == (0.75, 4)
    assert (found["ModelRefusedCount"], found["ShadowMissedCount"]) == (1, 4)


def test_every_figure_is_of_the_list() -> None:
    """What is published is what the alarms may name."""
    api = Api()
    before = api.scrape()
    api.answers(200, 5)
    api.metrics.ledger.observe(0.002)
    api.metrics.decisions.labels("approve").inc()
    api.metrics.serves({"name": "m", "version": "1", "bundle_sha256": "a"})
    assert figures(api.scrape(), before).keys() == API_FIGURES.keys()
    assert api_is_down(NOW, PLACE).value == 0


@pytest.mark.parametrize("share", [0.5, 0.9, 0.99, 1.0])
def test_a_quantile_beyond_the_last_bound_is_that_bound(share: float) -> None:
    """Nobody knows more about what lies above the last finite bound."""
    registry = CollectorRegistry()
    seconds = Histogram("seconds", "s", buckets=(1, 2), registry=registry)
    Counter("other", "o", registry=registry)
    seconds.observe(100)
    assert Scrape.of(generate_latest(registry).decode(), NOW).quantile(share, "seconds") == 2
