"""`reports/data_freshness.json`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime

from creditrisk.core.report import Number, Part, Report

REPORT = Path("reports/data_freshness.json")

SourceStatus = Literal["fresh", "generated", "exempt", "stale", "superseded", "not measured"]

DATA_STALE = "data_stale"
DATA_SUPERSEDED = "data_superseded"
FRESHNESS_NOT_MEASURED = "freshness_not_measured"

_ALARMS: dict[SourceStatus, str] = {
    "not measured": FRESHNESS_NOT_MEASURED,
    "superseded": DATA_SUPERSEDED,
    "stale": DATA_STALE,
}
_WORST_FIRST: tuple[SourceStatus, ...] = (
    "not measured",
    "superseded",
    "stale",
    "fresh",
    "exempt",
    "generated",
)


class SourceFreshness(Part):
    """One source beside what was ingested of it.

    fresh: no older than `max_age_days`. stale: older. superseded: it holds other content than was
    ingested. exempt: any age is allowed. generated: made by a program, which has no age.

    `modified_at` is what the source says now, `ingested_modified_at` what it said when this
    content, `ingested_sha256`, was measured first. `uri` is without user, password and query.
    """

    file: str
    source: str
    uri: str
    status: SourceStatus
    modified_at: AwareDatetime | None = None
    age_days: Number | None = None
    max_age_days: Number | None
    ingested_sha256: str
    ingested_modified_at: AwareDatetime | None = None
    why: str | None = None


class FreshnessReport(Report):
    """The age of each source, and whether the data that were ingested are still what it holds.

    `latest_measured_at` is the latest moment of this report and all before it: time that lies
    before it runs backwards. `problems` say why nothing could be measured.
    """

    measured_at: AwareDatetime
    latest_measured_at: AwareDatetime
    summary_sha256: str | None
    status: SourceStatus
    sources: tuple[SourceFreshness, ...]
    problems: tuple[str, ...]

    @property
    def alarms(self) -> tuple[str, ...]:
        """The alarms that this report raises, the gravest first."""
        statuses = {self.status, *(source.status for source in self.sources)}
        return tuple(alarm for status, alarm in _ALARMS.items() if status in statuses)

    def of_status(self, status: SourceStatus) -> tuple[SourceFreshness, ...]:
        """The sources of one status."""
        return tuple(source for source in self.sources if source.status == status)

    def sentences(self) -> str:
        """The report in a few lines for a person."""
        counts = [
            f"{len(self.of_status(status))} {status}"
            for status in _WORST_FIRST
            if self.of_status(status)
        ]
        lines = [f"{self.status}: {', '.join(counts) or 'no source'}", *self.problems]
        lines += [f"{source.file}: {source.status}, {source.why}" for source in _notable(self)]
        return "\n".join(lines)


def worst(statuses: Iterable[SourceStatus]) -> SourceStatus:
    """The gravest of several, 'not measured' where there is none."""
    seen = set(statuses)
    return next((status for status in _WORST_FIRST if status in seen), "not measured")


def _notable(report: FreshnessReport) -> list[SourceFreshness]:
    return [source for source in report.sources if source.status in _ALARMS]
