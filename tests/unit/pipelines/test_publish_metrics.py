from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest

from creditrisk.core.settings import Settings
from creditrisk.observability.metrics import CONTENT_TYPE, ServiceMetrics
from creditrisk.pipelines.publish_metrics import KEY_VARIABLE, Publisher, metrics_published

KEY = "metrics-key"


class Api:
    """/metrics as the API has it, with the metrics of a real one."""

    def __init__(self) -> None:
        self.metrics = ServiceMetrics()
        self.status = 200
        self.keys: list[str | None] = []
        self.url = ""


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    served = Api()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.keys.append(self.headers.get("X-API-Key"))
            self.send_response(served.status)
            self.send_header("Content-Type", CONTENT_TYPE)
            self.end_headers()
            self.wfile.write(served.metrics.text())

        def log_message(self, *_: Any) -> None:
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    served.url = f"http://127.0.0.1:{server.server_port}/metrics"
    yield served
    server.shutdown()
    server.server_close()
    thread.join(5)


@pytest.fixture
def cloudwatch(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDWATCH", f"http://{host}:{port}")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    # moto keeps what it was sent for the whole process.
    urllib.request.urlopen(f"http://{host}:{port}/moto-api/reset", b"", timeout=10).close()
    yield boto3.client("cloudwatch")
    server.stop()


def values(cloudwatch: Any, name: str) -> list[float]:
    """What CloudWatch holds of a figure, summed by minute."""
    now = datetime.now(UTC)
    dimensions = [{"Name": k, "Value": v} for k, v in Settings().figure_dimensions.items()]
    points = cloudwatch.get_metric_statistics(
        Namespace="CreditRisk",
        MetricName=name,
        Dimensions=dimensions,
        StartTime=now - timedelta(hours=1),
        EndTime=now + timedelta(hours=1),
        Period=3600,
        Statistics=["Sum"],
    )["Datapoints"]
    return [point["Sum"] for point in points]


def publisher(url: str | None, folder: Path) -> Publisher:
    return Publisher(url, folder, folder / "metrics.prom", Settings())


def test_what_the_api_counts_arrives(api: Api, cloudwatch: Any, tmp_path: Path) -> None:
    """Increases between two looks are read back from CloudWatch, and the textfile is written."""
    beside = publisher(api.url, tmp_path)
    api.metrics.requests.labels("POST", "/predict", 200).inc(40)
    beside.look()
    api.metrics.requests.labels("POST", "/predict", 200).inc(2)
    beside.publish()
    assert values(cloudwatch, "RequestCount") == [2]
    assert "creditrisk_figures_timestamp_seconds" in (tmp_path / "metrics.prom").read_text()


def test_an_api_that_does_not_answer_is_down(api: Api, cloudwatch: Any, tmp_path: Path) -> None:
    """Without metrics the API is told to be down, and the process goes on."""
    api.status = 503
    publisher(api.url, tmp_path).publish()
    assert values(cloudwatch, "ApiUp") == [0]


def test_the_key_comes_from_the_environment(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An API that asks for a key is given the one of the environment."""
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    publisher(api.url, tmp_path).look()
    assert api.keys == [KEY]


def test_figures_are_published_beside_a_block(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process of its own asks the API, with the key of the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    Path("params.yaml").write_text("{}")
    end = time.monotonic() + 60
    with metrics_published(api.url):
        while not api.keys and time.monotonic() < end:
            time.sleep(0.02)
    assert api.keys[:1] == [KEY]


def test_the_command_publishes_once(tmp_path: Path) -> None:
    """Without an API and without Amazon the textfile is written, and the exit code is 0."""
    (tmp_path / "params.yaml").write_text("{}\n")
    arguments = ["publish-metrics", "--once", "--no-api"]
    command = [sys.executable, "-m", "creditrisk.pipelines.publish_metrics", *arguments[1:]]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
    process = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert process.returncode == 0, process.stderr
    assert (tmp_path / "reports/metrics.prom").exists()


def test_a_wrong_address_is_misuse(tmp_path: Path) -> None:
    """A file is no API."""
    (tmp_path / "params.yaml").write_text("{}\n")
    command = [sys.executable, "-m", "creditrisk.pipelines.publish_metrics", "--url", "file:///x"]
    process = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert process.returncode == 2
