from __future__ import annotations

import logging
import math
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from cloudwatch_servers import FaultyProxy, faulty_proxy, moto_server

from creditrisk.core.settings import CloudWatchSettings
from creditrisk.observability.cloudwatch import MOST_BYTES, MOST_METRICS, Metric, batches, publish

NOW = datetime.now(UTC).replace(microsecond=0)
QUICK = CloudWatchSettings(backoff_seconds=0.01, deadline_seconds=10)
PLACE = {"model": "CreditRiskPD", "environment": "test"}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with moto_server() as url:
        yield url


@pytest.fixture
def configured(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    point_at(server, monkeypatch)


@pytest.fixture
def proxy(server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyProxy]:
    with faulty_proxy(server) as before:
        point_at(before.url, monkeypatch)
        yield before


@pytest.fixture(autouse=True)
def _no_configuration_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def point_at(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDWATCH", url)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")


def metric(name: str, value: float = 0.25, at: datetime = NOW, **more: str) -> Metric:
    return Metric(name, value, "None", PLACE | more, at)


def put(server: str, name: str) -> list[dict[str, Any]]:
    """What moto's CloudWatch holds of one name, by a client of its own."""
    client = boto3.client("cloudwatch", endpoint_url=server, region_name="eu-central-1")
    dimensions = [{"Name": key, "Value": value} for key, value in PLACE.items()]
    points: list[dict[str, Any]] = client.get_metric_statistics(
        Namespace="CreditRisk",
        MetricName=name,
        Dimensions=dimensions,
        StartTime=NOW - timedelta(hours=1),
        EndTime=NOW + timedelta(hours=1),
        Period=60,
        Statistics=["Average", "SampleCount"],
    )["Datapoints"]
    return points


@pytest.mark.usefixtures("configured")
def test_what_was_put_is_read_back(server: str) -> None:
    """A figure arrives under its namespace, name and dimensions with its value."""
    published = publish([metric("DriftShare", 0.125)], QUICK)
    assert (published.status, published.delivered) == ("delivered", 1)
    assert [point["Average"] for point in put(server, "DriftShare")] == [0.125]


@pytest.mark.usefixtures("configured")
def test_many_figures_take_several_calls(server: str) -> None:
    """More than one call may hold arrive all, each once."""
    many = [metric("Many", float(place)) for place in range(MOST_METRICS + 5)]
    assert publish(many, QUICK).delivered == MOST_METRICS + 5
    assert sum(point["SampleCount"] for point in put(server, "Many")) == MOST_METRICS + 5


def test_batches_keep_to_the_service_s_limits() -> None:
    """No batch has more figures, or more bytes, than PutMetricData takes."""
    long = {f"d{place}": "x" * 255 for place in range(28)}
    sizes = [len(batch) for batch in batches([metric("Long", **long) for _ in range(1_000)])]
    bytes_each = 28 * 257
    assert sum(sizes) == 1_000
    assert max(sizes) * bytes_each < MOST_BYTES
    assert [len(batch) for batch in batches([metric("Short")] * 1_001)] == [1_000, 1]


@pytest.mark.usefixtures("configured")
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 2.0**361])
def test_what_is_no_number_is_never_sent(server: str, value: float) -> None:
    """A figure that CloudWatch refuses is left out by name, and its neighbours arrive."""
    published = publish([metric("Odd", value), metric("Even")], QUICK)
    assert (published.delivered, published.unsendable) == (1, ("Odd",))
    assert put(server, "Odd") == []


@pytest.mark.usefixtures("configured")
@pytest.mark.parametrize("age", [timedelta(days=15), timedelta(hours=-3)])
def test_a_moment_that_the_service_refuses_is_left_out(age: timedelta) -> None:
    """Figures older than two weeks, or of the future, would have a whole call refused."""
    assert publish([metric("Old", at=NOW - age)], QUICK).status == "nothing sent"


@pytest.mark.parametrize("fault", [(400, "Throttling"), (503, "ServiceUnavailable"), None])
def test_throttling_and_outages_are_waited_out(
    proxy: FaultyProxy, fault: tuple[int, str] | None
) -> None:
    """A call that is throttled, refused for now or cut is made again until it arrives."""
    proxy.faults = [fault, fault]
    assert publish([metric("Patient")], QUICK).status == "delivered"
    assert proxy.requests == 3


def test_a_refusal_is_not_repeated(proxy: FaultyProxy) -> None:
    """What cannot get better by waiting is tried once, and the service's code is told."""
    proxy.faults = [(400, "AccessDenied")]
    published = publish([metric("Denied")], QUICK)
    assert (published.status, published.undelivered) == ("not delivered", ("Denied",))
    assert published.reason == "AccessDenied"
    assert proxy.requests == 1


def test_a_partial_failure_names_what_is_missing(proxy: FaultyProxy) -> None:
    """Where one of two calls is refused, its figures are named and those of the other counted."""
    proxy.faults = [(400, "AccessDenied")]
    published = publish([metric("First")] * MOST_METRICS + [metric("Second")], QUICK)
    assert (published.status, published.delivered) == ("partly delivered", 1)
    assert "not sent: First x 1000" in published.sentence()


def test_an_outage_ends_in_time(proxy: FaultyProxy) -> None:
    """No delivery goes on past its deadline, whatever the number of attempts."""
    proxy.faults = [(503, "ServiceUnavailable")] * 100
    short = QUICK.model_copy(update={"attempts": 10, "backoff_seconds": 0.3, "deadline_seconds": 1})
    started = datetime.now(UTC)
    assert publish([metric("Late")], short).status == "not delivered"
    assert datetime.now(UTC) - started < timedelta(seconds=6)
    assert proxy.requests < 5


def test_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    """An address where nothing answers is an outage, never an error of the caller."""
    point_at("http://127.0.0.1:1", monkeypatch)
    assert publish([metric("Nobody")], QUICK).status == "not delivered"


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({}, "no region"),
        ({"AWS_DEFAULT_REGION": "eu-central-1"}, "no credentials"),
        ({"AWS_PROFILE": "absent"}, "ProfileNotFound"),
    ],
)
def test_absent_configuration_is_logged_and_no_failure(
    given: dict[str, str],
    missing: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Without region or credentials figures are not sent, which is logged once and raises nothing."""
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with caplog.at_level(logging.WARNING, "creditrisk.cloudwatch"):
        published = publish([metric("Unconfigured")], QUICK)
    assert published.status == "not configured"
    assert missing in (published.reason or "")
    assert [record.name for record in caplog.records].count("creditrisk.cloudwatch") == 1


def test_without_boto3_nothing_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation without Amazon's client is not configured."""
    monkeypatch.setitem(sys.modules, "boto3", None)
    published = publish([metric("Unconfigured")], QUICK)
    assert (published.status, published.delivered) == ("not configured", 0)
    assert "creditrisk[aws]" in published.sentence()
