"""What the reports say, as metrics for the textfile collector of Prometheus' node_exporter.

Batch commands end before anybody could scrape them; their reports stay, and become this file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from creditrisk.core.errors import CreditRiskError
from creditrisk.core.files import write_text
from creditrisk.monitoring.freshness.report import FreshnessReport
from creditrisk.monitoring.outcomes.performance import PerformanceReport
from creditrisk.monitoring.production.report import DriftMetrics
from creditrisk.monitoring.retraining.report import RetrainTrigger

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry, Gauge

TEXTFILE = Path("reports/metrics.prom")

_DAY_SECONDS = 86_400

# Name without the prefix creditrisk_: meaning and labels.
GAUGES: Mapping[str, tuple[str, tuple[str, ...]]] = MappingProxyType(
    {
        "figures_timestamp_seconds": ("When this file was written.", ()),
        "report_timestamp_seconds": ("When a report was written.", ("report",)),
        "report_readable": ("Whether a report that exists could be read.", ("report",)),
        "alarms": ("Alarms that a report raises, 0 where it raises none.", ("report", "alarm")),
        "drift_measured": ("Whether the latest window says anything about drift.", ()),
        "drift_detected": ("Whether the latest window of production drifted.", ()),
        "drift_share_ratio": ("Share of the inputs that moved in production.", ()),
        "score_psi": ("PSI of production's scores against training's.", ()),
        "production_approval_ratio": ("Share of the latest window that is approved.", ()),
        "production_contract_violations": ("Violations of contracts in the latest window.", ()),
        "freshness_measured": ("Whether each source's age is known.", ()),
        "sources": ("Sources by freshness.", ("status",)),
        "source_age_seconds": ("Since a source changed.", ("file",)),
        "source_allowed_age_seconds": ("How old a source may be.", ("file",)),
        "outcomes_measured": ("Whether known outcomes could be judged.", ()),
        "outcomes": ("Known outcomes of the report's months.", ()),
        "realised_roc_auc": ("ROC-AUC on known outcomes.", ()),
        "expected_roc_auc": ("ROC-AUC that the PDs of the same applicants promise.", ()),
    }
)
_SOURCE_STATUSES = ("fresh", "stale", "superseded", "not measured", "exempt", "generated")


class Sample(NamedTuple):
    """The value of one gauge under its labels."""

    gauge: str
    value: float
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Read:
    """How one report becomes samples."""

    file: str
    samples: Callable[[Path], Iterator[Sample]]


def write_textfile(reports: Path, target: Path, now: datetime) -> int:
    """Write what the reports of a folder say; the number of reports that could not be read.

    A report that does not exist gives no sample: whether that is an alarm is the rules' matter.
    """
    samples = [Sample("figures_timestamp_seconds", now.timestamp())]
    unreadable = 0
    for name, reader in _READERS.items():
        path = reports / reader.file
        if not path.exists():
            continue
        samples.append(Sample("report_timestamp_seconds", path.stat().st_mtime, (name,)))
        try:
            found, readable = list(reader.samples(path)), True
        except CreditRiskError:
            found, readable = [], False
            unreadable += 1
        samples += [Sample("report_readable", readable, (name,)), *found]
    write_text(target, _text(samples))
    return unreadable


def _text(samples: list[Sample]) -> str:
    from prometheus_client import CollectorRegistry, generate_latest

    registry = CollectorRegistry()
    gauges: dict[str, Gauge] = {}
    for sample in samples:
        gauge = gauges.get(sample.gauge) or _gauge(sample.gauge, registry)
        gauges[sample.gauge] = gauge
        (gauge.labels(*sample.labels) if sample.labels else gauge).set(sample.value)
    return generate_latest(registry).decode()


def _gauge(name: str, registry: CollectorRegistry) -> Gauge:
    from prometheus_client import Gauge

    meaning, labels = GAUGES[name]
    return Gauge(f"creditrisk_{name}", meaning, labels, registry=registry)


def _drift(path: Path) -> Iterator[Sample]:
    report = DriftMetrics.read(path)
    yield Sample("drift_measured", report.drift_detected is not None)
    yield Sample("production_contract_violations", report.contract_violations)
    yield from _known(
        {
            "drift_detected": report.drift_detected,
            "drift_share_ratio": report.drift_share,
            "score_psi": report.score_psi,
            "production_approval_ratio": report.approval_rate,
        }
    )


def _freshness(path: Path) -> Iterator[Sample]:
    report = FreshnessReport.read(path)
    yield Sample("freshness_measured", report.status != "not measured")
    for status in _SOURCE_STATUSES:
        count = sum(source.status == status for source in report.sources)
        yield Sample("sources", count, (status,))
    for source in report.sources:
        ages = {"source_age": source.age_days, "source_allowed_age": source.max_age_days}
        for name, days in ages.items():
            if days is not None:
                yield Sample(f"{name}_seconds", days * _DAY_SECONDS, (source.file,))


def _performance(path: Path) -> Iterator[Sample]:
    report = PerformanceReport.read(path)
    yield Sample("outcomes_measured", report.status != "not measured")
    yield Sample("outcomes", report.outcomes)
    yield from _alarms("performance", [alarm.name for alarm in report.alarms])
    known = report.overall.matured if report.overall else None
    if known is not None and known.realised.roc_auc and known.expected.roc_auc:
        yield Sample("realised_roc_auc", known.realised.roc_auc.value)
        yield Sample("expected_roc_auc", known.expected.roc_auc.value)


def _retraining(path: Path) -> Iterator[Sample]:
    yield from _alarms("retrain_trigger", list(RetrainTrigger.read(path).alarms))


def _alarms(report: str, names: list[str]) -> Iterator[Sample]:
    for name in sorted({*names}) or ["none"]:
        yield Sample("alarms", names.count(name), (report, name))


def _known(values: Mapping[str, float | None]) -> Iterator[Sample]:
    for name, value in values.items():
        if value is not None:
            yield Sample(name, value)


_READERS = MappingProxyType(
    {
        "drift_metrics": _Read("drift_metrics.json", _drift),
        "data_freshness": _Read("data_freshness.json", _freshness),
        "performance": _Read("performance.json", _performance),
        "retrain_trigger": _Read("retrain_trigger.json", _retraining),
    }
)
