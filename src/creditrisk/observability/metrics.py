"""Prometheus metrics of the API, right with several workers.

With several workers each writes its numbers into files of a shared folder, and whichever worker is
asked adds all of them up. prometheus_client decides on that when it is imported, so it is imported
here, after `share_between_workers`.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prometheus_client import CollectorRegistry

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.001, 0.002, 0.004, 0.008, 0.012, 0.02, 0.05, 0.1, 0.15, 0.5, 1, 2, 5, 10, 30)
_PDS = (0.01, 0.02, 0.035, 0.055, 0.08, 0.1, 0.12, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0)
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024)
_LIVE_FILE = re.compile(r"gauge_live[a-z]*_(\d+)\.db")
MODEL_LABELS = ("name", "version", "bundle_sha256")


def share_between_workers(folder: Path) -> None:
    """Let the workers that are started from here add up their numbers through a folder."""
    os.environ[FOLDER_VARIABLE] = str(folder)


class ServiceMetrics:
    """What the API counts; each metric's name ends in its unit."""

    def __init__(self) -> None:
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

        own = self._registry = CollectorRegistry()
        self.requests = Counter(
            "creditrisk_requests_total",
            "Requests answered.",
            ("method", "path", "status"),
            registry=own,
        )
        self.durations = Histogram(
            "creditrisk_request_duration_seconds",
            "From the request's first byte to the response's last.",
            ("path",),
            buckets=_SECONDS,
            registry=own,
        )
        self.records = Counter(
            "creditrisk_records_total", "Records scored, by form.", ("form",), registry=own
        )
        self.decisions = Counter(
            "creditrisk_decisions_total", "Decisions made.", ("decision",), registry=own
        )
        self.pds = Histogram(
            "creditrisk_probability_of_default_ratio",
            "Probabilities of default.",
            buckets=_PDS,
            registry=own,
        )
        self.refused = Counter(
            "creditrisk_refused_requests_total",
            "Requests refused by the contracts, by family of rule.",
            ("rule",),
            registry=own,
        )
        self.queue = Gauge(
            "creditrisk_queue_records",
            "Records waiting to be scored.",
            registry=own,
            multiprocess_mode="livesum",
        )
        self.batches = Histogram(
            "creditrisk_batch_requests",
            "Requests scored together.",
            buckets=_SIZES,
            registry=own,
        )
        self.ledger = Histogram(
            "creditrisk_ledger_write_duration_seconds",
            "From handing decisions to the ledger until they are durable.",
            buckets=_SECONDS,
            registry=own,
        )
        self.model = Gauge(
            "creditrisk_model_info",
            "Workers that serve this model.",
            MODEL_LABELS,
            registry=own,
            multiprocess_mode="livesum",
        )
        self.reloads = Counter(
            "creditrisk_model_reloads_total",
            "Attempts to take up a new model.",
            ("result",),
            registry=own,
        )
        self.shadow = Counter(
            "creditrisk_shadow_records_total",
            "Records the challenger was to score.",
            ("result",),
            registry=own,
        )

    def serves(self, new: Mapping[str, str], old: Mapping[str, str] | None = None) -> None:
        """Note which model this worker answers with, and which no more."""
        if old is not None:
            self.model.labels(**old).set(0)
        self.model.labels(**new).set(1)

    def text(self) -> bytes:
        """All metrics, of all workers, in Prometheus' text form."""
        from prometheus_client import generate_latest

        folder = os.environ.get(FOLDER_VARIABLE)
        content: bytes = generate_latest(
            _of_all_workers(Path(folder)) if folder else self._registry
        )
        return content


def _of_all_workers(folder: Path) -> CollectorRegistry:
    from prometheus_client import CollectorRegistry
    from prometheus_client.multiprocess import MultiProcessCollector

    _forget_dead_workers(folder)
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=str(folder))  # type: ignore[no-untyped-call]
    return registry


def _forget_dead_workers(folder: Path) -> None:
    """Drop the gauges of processes that are gone; what they counted stays counted."""
    for path in folder.glob("gauge_live*.db"):
        if (match := _LIVE_FILE.fullmatch(path.name)) and not _lives(int(match[1])):
            path.unlink(missing_ok=True)


def _lives(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
