"""Figures for Amazon CloudWatch: in batches, retried, bounded in time, never on a request's path.

Whoever has no credentials, no region or no boto3 is told 'not configured'; nothing here raises.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, Protocol

from creditrisk.observability.amazon import error_code, is_transient
from creditrisk.observability.patience import Patience, Trial

Unit = Literal["Count", "Seconds", "None"]
Status = Literal["delivered", "partly delivered", "not delivered", "not configured", "nothing sent"]

# Limits of PutMetricData, https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html
MOST_METRICS = 1_000
MOST_BYTES = 1_000_000
_LARGEST = 2.0**360
_OLDEST = timedelta(days=14)
_LATEST = timedelta(hours=2)

# More than the name of any field takes in any of the service's protocols.
_FIELD_BYTES = 64
_CONNECT_SECONDS = 3.0
_READ_SECONDS = 5.0


class CloudWatchTarget(Patience, Protocol):
    """Where figures go, and how patiently each call of `publish` sends a batch."""

    @property
    def namespace(self) -> str:
        """The name under which CloudWatch keeps them."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One figure at one moment; dimensions tell it from others of its name."""

    name: str
    value: float
    unit: Unit
    dimensions: Mapping[str, str]
    at: datetime


@dataclass(frozen=True, slots=True)
class Published:
    """What became of figures: how many arrived, which did not, which could not be sent at all.

    `unsendable` are NaN, infinite, or of a moment that CloudWatch no longer or not yet takes.
    """

    status: Status
    delivered: int = 0
    undelivered: tuple[str, ...] = ()
    unsendable: tuple[str, ...] = ()
    reason: str | None = None

    def sentence(self) -> str:
        """The outcome in one line for a person."""
        parts = [f"{self.status} ({self.reason})" if self.reason else self.status]
        if self.delivered:
            parts.append(f"{self.delivered} figures arrived")
        if self.undelivered:
            parts.append(f"not sent: {_listed(self.undelivered)}")
        if self.unsendable:
            parts.append(f"cannot be sent: {_listed(self.unsendable)}")
        return f"CloudWatch: {', '.join(parts)}"


@dataclass(slots=True)
class _Delivery:
    """One call of `publish`: what arrived so far, and how long it goes on."""

    client: Any
    target: CloudWatchTarget
    trial: Trial
    delivered: int = 0
    undelivered: list[str] = field(default_factory=list)
    reason: str | None = None

    def send(self, batch: Sequence[Metric]) -> None:
        """Send one batch, again where the service or the network is at fault."""
        data = [_datum(metric) for metric in batch]
        for failures in range(1, self.target.attempts + 1):
            if self.trial.seconds_left <= 0:
                self.reason = self.reason or f"not within {self.target.deadline_seconds:g} s"
                break
            try:
                self.client.put_metric_data(Namespace=self.target.namespace, MetricData=data)
            except Exception as error:  # noqa: BLE001 - botocore's errors are made at run time
                self.reason = error_code(error)
                if not is_transient(error) or not self.trial.pause(failures):
                    break
            else:
                self.delivered += len(batch)
                return
        self.undelivered += [metric.name for metric in batch]

    def outcome(self, unsendable: tuple[str, ...]) -> Published:
        """What became of all batches."""
        missing = tuple(self.undelivered)
        status: Status = "delivered"
        if missing:
            status = "partly delivered" if self.delivered else "not delivered"
        reason = self.reason if missing else None
        return Published(status, self.delivered, missing, unsendable, reason)


def publish(metrics: Iterable[Metric], settings: CloudWatchTarget) -> Published:
    """Send figures to CloudWatch; says, and logs, what arrived and what did not."""
    published = _publish(tuple(metrics), settings)
    level = logging.INFO if published.status in {"delivered", "nothing sent"} else logging.WARNING
    _logger().log(level, "%s", published.sentence(), extra={"fields": _fields(published)})
    return published


def batches(metrics: Sequence[Metric]) -> Iterator[list[Metric]]:
    """Groups of figures that one PutMetricData takes, by number and by size."""
    batch: list[Metric] = []
    size = 0
    for metric in metrics:
        more = _bytes(metric)
        if batch and (len(batch) == MOST_METRICS or size + more > MOST_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(metric)
        size += more
    if batch:
        yield batch


def _publish(metrics: tuple[Metric, ...], settings: CloudWatchTarget) -> Published:
    now = datetime.now(UTC)
    fit = [metric for metric in metrics if _is_sendable(metric, now)]
    unsendable = tuple(metric.name for metric in metrics if not _is_sendable(metric, now))
    if not fit:
        return Published("nothing sent", unsendable=unsendable)
    client, missing = _client()
    if client is None:
        return Published("not configured", 0, tuple(m.name for m in fit), unsendable, missing)
    delivery = _Delivery(client, settings, Trial(settings))
    for batch in batches(fit):
        delivery.send(batch)
    return delivery.outcome(unsendable)


def _client() -> tuple[Any, str | None]:
    """A client, or None with what is missing; it never retries by itself."""
    try:
        import boto3
        from botocore.config import Config
    except ImportError:
        return None, "boto3 is not installed (creditrisk[aws])"
    config = Config(
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS,
        retries={"total_max_attempts": 1},
    )
    try:
        session = boto3.session.Session()
        if session.region_name is None:
            return None, "no region (AWS_REGION or AWS_DEFAULT_REGION)"
        if session.get_credentials() is None:
            return None, "no credentials"
        return session.client("cloudwatch", config=config), None
    except Exception as error:  # noqa: BLE001 - a profile that is missing, a file that is damaged
        return None, type(error).__name__


def _is_sendable(metric: Metric, now: datetime) -> bool:
    recent = now - _OLDEST < metric.at < now + _LATEST
    return recent and math.isfinite(metric.value) and abs(metric.value) <= _LARGEST


def _datum(metric: Metric) -> dict[str, Any]:
    return {
        "MetricName": metric.name,
        "Dimensions": [{"Name": key, "Value": value} for key, value in metric.dimensions.items()],
        "Timestamp": metric.at,
        "Value": metric.value,
        "Unit": metric.unit,
    }


def _bytes(metric: Metric) -> int:
    """No fewer bytes than the figure takes in a request; an escaped byte takes three."""
    texts = [metric.name, *metric.dimensions.keys(), *metric.dimensions.values()]
    return sum(_FIELD_BYTES + 3 * len(text.encode()) for text in texts) + 3 * (_FIELD_BYTES + 32)


def _fields(published: Published) -> dict[str, Any]:
    return {
        "status": published.status,
        "delivered": published.delivered,
        "undelivered": len(published.undelivered),
        "unsendable": list(published.unsendable),
        "reason": published.reason,
    }


def _listed(names: tuple[str, ...]) -> str:
    counted = [f"{name} x {names.count(name)}" for name in dict.fromkeys(names)]
    return ", ".join(name.removesuffix(" x 1") for name in counted)


def _logger() -> logging.Logger:
    return logging.getLogger("creditrisk.cloudwatch")
