"""From the summary of what was ingested and what the sources say now to a report."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from creditrisk.core.errors import CreditRiskError
from creditrisk.core.files import sha256_of
from creditrisk.core.settings import FreshnessSettings, IngestSettings
from creditrisk.data.ingestion import IngestionSummary, TableIngestion
from creditrisk.data.sources.location import SYNTHETIC, Location
from creditrisk.data.sources.transfer import RetryPolicy
from creditrisk.monitoring.freshness.report import FreshnessReport, SourceFreshness, worst
from creditrisk.monitoring.freshness.source_state import SourceState, state_at_source

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class FreshnessRequest:
    """What is measured by which rules; `copies` is the pipeline's own folder of raw files."""

    summary: Path
    previous: Path
    copies: Path
    ingest: IngestSettings
    rules: FreshnessSettings
    now: datetime


def measure_freshness(request: FreshnessRequest) -> FreshnessReport:
    """Measure each source; what cannot be measured is said in the report, never raised."""
    before, damage = _previous(request)
    problems = [damage] if damage else []
    if before is not None and (backwards := _backwards(before, request)) is not None:
        return _report(request, before, _kept(before), [*problems, backwards])
    try:
        summary = IngestionSummary.read(request.summary)
    except CreditRiskError as error:
        return _report(request, before, _kept(before), [*problems, str(error)])
    return _report(request, before, _sources(summary, before, request), problems)


def _report(
    request: FreshnessRequest,
    before: FreshnessReport | None,
    sources: tuple[SourceFreshness, ...],
    problems: list[str],
) -> FreshnessReport:
    return FreshnessReport(
        measured_at=request.now,
        latest_measured_at=max(before.latest_measured_at if before else request.now, request.now),
        summary_sha256=sha256_of(request.summary) if request.summary.is_file() else None,
        status="not measured" if problems else worst(source.status for source in sources),
        sources=sources,
        problems=tuple(problems),
    )


def _previous(request: FreshnessRequest) -> tuple[FreshnessReport | None, str | None]:
    """The report before this one, where there is one, or what is wrong with it."""
    if not request.previous.exists():
        return None, None
    try:
        return FreshnessReport.read(request.previous), None
    except CreditRiskError as error:
        return None, str(error)


def _backwards(before: FreshnessReport, request: FreshnessRequest) -> str | None:
    latest = before.latest_measured_at
    if request.now >= latest - _tolerance(request.rules):
        return None
    return (
        f"a clock runs backwards: {request.previous} was measured at {latest.isoformat()}, and it "
        f"is {request.now.isoformat()} now; set the clock right, or move that file aside if it was "
        "written by a wrong clock"
    )


def _kept(before: FreshnessReport | None) -> tuple[SourceFreshness, ...]:
    """What is remembered of sources that were not measured this time."""
    forgotten = {"status": "not measured", "age_days": None, "why": "nothing was measured"}
    sources = before.sources if before else ()
    return tuple(source.model_copy(update=forgotten) for source in sources)


def _sources(
    summary: IngestionSummary, before: FreshnessReport | None, request: FreshnessRequest
) -> tuple[SourceFreshness, ...]:
    known = {source.file: source for source in before.sources} if before else {}
    extended = {file for snapshot in summary.snapshots for file, n in snapshot.rows.items() if n}

    def measure(table: TableIngestion) -> SourceFreshness:
        return _Source(table, known.get(table.file), table.file in extended, request).measured()

    with ThreadPoolExecutor(request.ingest.parallel_downloads) as pool:
        return tuple(pool.map(measure, summary.tables))


@dataclass(frozen=True, slots=True)
class _Source:
    """One raw file; `extended` says that rows of labelled snapshots were added to the source's."""

    table: TableIngestion
    known: SourceFreshness | None
    extended: bool
    request: FreshnessRequest

    def measured(self) -> SourceFreshness:
        """The source's freshness."""
        if self.table.source == SYNTHETIC and self._place().written == SYNTHETIC:
            return self._unaged().model_copy(
                update={"status": "generated", "why": "a function of its settings, without an age"}
            )
        try:
            state = self._state()
        except CreditRiskError as error:
            return self._without_a_time(str(error))
        return self._judged(state)

    def _judged(self, state: SourceState) -> SourceFreshness:
        now, age = self.request.now, self.request.now - state.modified_at
        ingested_at = self._ingested_modified_at(state)
        found = self._unaged().model_copy(
            update={
                "modified_at": state.modified_at,
                "age_days": round(max(age / _DAY, 0.0), 6),
                "ingested_modified_at": ingested_at,
            }
        )
        if state.shown != self.table.uri:
            return self._unknown(f"ingested from {self.table.uri}, params.yaml names {state.shown}")
        if age < -_tolerance(self.request.rules):
            return self._unknown(
                f"changed at {state.modified_at.isoformat()}, and it is {now.isoformat()} now: "
                "a clock runs backwards"
            ).model_copy(update={"modified_at": state.modified_at})
        if (newer := self._newer(state, ingested_at)) is not None:
            return found.model_copy(update={"status": "superseded", "why": newer})
        allowed = found.max_age_days
        if allowed is None:
            return found.model_copy(update={"status": "exempt", "why": "any age is allowed"})
        if age > timedelta(days=allowed):
            why = f"{age / _DAY:.1f} days old, at most {allowed:g} are allowed"
            return found.model_copy(update={"status": "stale", "why": why})
        return found.model_copy(update={"status": "fresh"})

    def _ingested_modified_at(self, state: SourceState) -> datetime | None:
        """The source's time when this content was measured first."""
        known = self.known.ingested_modified_at if self.known and self._is_known else None
        return known or state.modified_at

    @property
    def _is_known(self) -> bool:
        """Whether the content that was ingested last had been measured before."""
        return self.known is not None and self.known.ingested_sha256 == self.table.sha256

    def _newer(self, state: SourceState, ingested_at: datetime | None) -> str | None:
        """Why the source holds other content than was ingested, None where it does not."""
        if not self.extended and state.csv_bytes not in {None, self.table.bytes}:
            return f"{state.csv_bytes:,} bytes, {self.table.bytes:,} were ingested"
        is_known = self._is_known and self.known and self.known.ingested_modified_at
        if state.modified_at == ingested_at and is_known:
            return None
        if state.path is not None and not self.extended:
            differs = sha256_of(state.path) != self.table.sha256
            return "its content differs from what was ingested" if differs else None
        if ingested_at is not None and state.modified_at > ingested_at:
            return f"changed at {state.modified_at.isoformat()}, after it was ingested"
        return None

    def _state(self) -> SourceState:
        ingest = self.request.ingest
        policy = RetryPolicy(ingest.retries, ingest.backoff_seconds)
        return state_at_source(self._place(), self.table.file, policy, self.request.copies)

    def _place(self) -> Location:
        own = self.request.ingest.files.get(self.table.file)
        return Location(own.uri if own else self.request.ingest.source)

    def _without_a_time(self, why: str) -> SourceFreshness:
        """A source that cannot be asked: not measured, unless any age is allowed."""
        source = self._unknown(why)
        if source.max_age_days is None:
            return source.model_copy(update={"status": "exempt"})
        return source

    def _unknown(self, why: str) -> SourceFreshness:
        return self._unaged().model_copy(update={"status": "not measured", "why": why})

    def _unaged(self) -> SourceFreshness:
        known = self.known if self._is_known else None
        return SourceFreshness(
            file=self.table.file,
            source=self.table.source,
            uri=self.table.uri,
            status="not measured",
            max_age_days=self.request.rules.allowed_days(self.table.file),
            ingested_sha256=self.table.sha256,
            ingested_modified_at=known.ingested_modified_at if known else None,
        )


def _tolerance(rules: FreshnessSettings) -> timedelta:
    return timedelta(seconds=rules.clock_tolerance_seconds)
