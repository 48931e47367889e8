"""Alarms as code: CloudWatch takes each, and each watches a figure that is really published."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from creditrisk.core.settings import load_settings
from creditrisk.monitoring.freshness.figures import FIGURES as FRESHNESS
from creditrisk.monitoring.production.figures import FIGURES as DRIFT
from creditrisk.observability.api_figures import API_FIGURES

ROOT = Path(__file__).parents[2]
ALARMS: list[dict[str, Any]] = json.loads((ROOT / "deploy/cloudwatch/alarms.json").read_text())
PUBLISHED = {*API_FIGURES, *FRESHNESS, *(name for name, _ in DRIFT.values()), "DriftMeasured"}


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    """CloudWatch as moto's server."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield boto3.client(
        "cloudwatch",
        endpoint_url=f"http://{host}:{port}",
        region_name="eu-central-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 - of moto
    )
    server.stop()


@pytest.mark.parametrize("alarm", ALARMS, ids=lambda alarm: alarm["AlarmName"])
def test_each_alarm_is_taken_and_read_back(client: Any, alarm: dict[str, Any]) -> None:
    """What put_metric_alarm is given is what CloudWatch then watches."""
    client.put_metric_alarm(**alarm)
    (stored,) = client.describe_alarms(AlarmNames=[alarm["AlarmName"]])["MetricAlarms"]
    assert {key: stored[key] for key in alarm} == alarm


def test_each_alarm_watches_a_published_figure() -> None:
    """No alarm waits for a figure that nobody sends."""
    assert {alarm["MetricName"] for alarm in ALARMS} <= PUBLISHED


def test_each_alarm_has_the_dimensions_that_are_published() -> None:
    """An alarm with other dimensions than its figure would never see one."""
    settings = load_settings(ROOT / "params.yaml")
    for alarm in ALARMS:
        given = {one["Name"]: one["Value"] for one in alarm["Dimensions"]}
        assert given == settings.figure_dimensions | {"Environment": "production"}
        assert alarm["Namespace"] == settings.monitoring.cloudwatch.namespace
