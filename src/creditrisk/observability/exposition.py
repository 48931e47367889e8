"""What Prometheus' text says between two scrapes: increases and percentiles."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Self

Series = tuple[str, frozenset[tuple[str, str]]]


@dataclass(frozen=True, slots=True)
class Scrape:
    """All series of one answer; `counters` are those that only rise while the server lives."""

    at: datetime
    values: Mapping[Series, float]
    counters: frozenset[Series]

    @classmethod
    def of(cls, text: str, at: datetime) -> Self:
        """Read Prometheus' text form.

        Raises:
            ValueError: it is none.
        """
        from prometheus_client.parser import text_string_to_metric_families

        values: dict[Series, float] = {}
        counters: set[Series] = set()
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name.endswith("_created"):
                    continue
                series = (sample.name, frozenset(sample.labels.items()))
                values[series] = sample.value
                if family.type in {"counter", "histogram"}:
                    counters.add(series)
        return cls(at, values, frozenset(counters))

    def total(self, name: str, **labels: str) -> float | None:
        """The sum of all series of a name that carry these labels, None where there is none."""
        found = [value for series, value in self.values.items() if _matches(series, name, labels)]
        return sum(found) if found else None

    def since(self, before: Scrape) -> Scrape:
        """The counters' increases since another scrape; other series as they are.

        A counter that is lower, or gone, says that the server started anew: all it shows was
        counted since then, and what it counted before its end is lost.
        """
        restarted = any(
            self.values.get(series, -1.0) < before.values[series] for series in before.counters
        )
        known = {} if restarted else before.values
        values = {
            series: value - known.get(series, 0.0) if series in self.counters else value
            for series, value in self.values.items()
        }
        return Scrape(self.at, values, self.counters)

    def quantile(self, share: float, histogram: str, **labels: str) -> float | None:
        """A quantile of a histogram, None where it is empty.

        Interpolated within its bucket, as Prometheus' histogram_quantile does; beyond the last
        finite bound it is that bound.
        """
        buckets: dict[float, float] = {}
        for series, value in self.values.items():
            if _matches(series, f"{histogram}_bucket", labels):
                bound = float(dict(series[1])["le"])
                buckets[bound] = buckets.get(bound, 0.0) + value
        return _interpolated(sorted(buckets.items()), share)


def _matches(series: Series, name: str, labels: Mapping[str, str]) -> bool:
    return series[0] == name and labels.items() <= dict(series[1]).items()


def _interpolated(buckets: list[tuple[float, float]], share: float) -> float | None:
    if not buckets or buckets[-1][1] <= 0:
        return None
    rank, low, below = share * buckets[-1][1], 0.0, 0.0
    for bound, count in buckets:
        if count >= rank and count > below:
            if math.isinf(bound):
                return low
            return low + (bound - low) * (rank - below) / (count - below)
        low, below = bound, count
    return low
