"""Prometheus metrics, of one worker and of several."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from creditrisk.observability.metrics import ServiceMetrics

COUNT_AND_TELL = """
from creditrisk.observability.metrics import ServiceMetrics
metrics = ServiceMetrics()
metrics.decisions.labels("approve").inc(2)
metrics.queue.set(5)
print(metrics.text().decode())
"""


def worker(folder: Path) -> str:
    """What a process tells that shares its numbers through a folder."""
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(folder)}
    return subprocess.check_output(
        [sys.executable, "-c", COUNT_AND_TELL], env=environment, text=True
    )


def test_each_name_has_the_project_s_prefix() -> None:
    """Nobody else's metrics are mixed with ours."""
    metrics = ServiceMetrics()
    metrics.decisions.labels("approve").inc()
    samples = [line for line in metrics.text().decode().splitlines() if line[0] != "#"]
    assert all(line.startswith("creditrisk_") for line in samples)


def test_a_model_that_was_replaced_is_served_by_nobody() -> None:
    """The old model's gauge is 0, the new one's 1."""
    metrics = ServiceMetrics()
    models = [{"name": "m", "version": n, "bundle_sha256": n} for n in ("1", "2")]
    metrics.serves(models[0])
    metrics.serves(models[1], models[0])
    text = metrics.text().decode()
    assert 'creditrisk_model_info{bundle_sha256="1",name="m",version="1"} 0.0' in text
    assert 'creditrisk_model_info{bundle_sha256="2",name="m",version="2"} 1.0' in text


def test_counts_of_workers_add_up_and_outlive_them(tmp_path: Path) -> None:
    """What a worker counted stays when it is gone; what it held at that moment goes with it."""
    worker(tmp_path)
    text = worker(tmp_path)
    assert 'creditrisk_decisions_total{decision="approve"} 4.0' in text
    assert "creditrisk_queue_records 5.0" in text
