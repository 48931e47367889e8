"""What was ingested from a folder, and the request that measures its freshness."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from creditrisk.core.settings import FreshnessSettings, IngestSettings, SourceSettings
from creditrisk.data.ingestion import IngestionSummary, SnapshotIngestion, TableIngestion
from creditrisk.monitoring.freshness.measurement import FreshnessRequest, measure_freshness
from creditrisk.monitoring.freshness.report import FreshnessReport, SourceFreshness

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
FILE = "bureau.csv"
CONTENT = b"SK_ID_CURR\n100001\n"


@dataclass
class Ingested:
    """A source with one raw file that was taken in, and what is measured of it."""

    folder: Path
    uri: str
    kind: str = "local"
    content: bytes = CONTENT
    added_rows: int = 0

    @property
    def summary(self) -> Path:
        """The report of what was ingested."""
        return self.folder / "reports/ingestion_summary.json"

    @property
    def report(self) -> Path:
        """The report of freshness."""
        return self.folder / "reports/data_freshness.json"

    def write_summary(self, shown: str | None = None) -> None:
        """Write the summary; `shown` is the address without its secrets."""
        table = TableIngestion(
            file=FILE,
            table="bureau",
            source=self.kind,
            uri=shown or self.uri,
            bytes=len(self.content),
            rows=1,
            md5="0" * 32,
            sha256=hashlib.sha256(self.content).hexdigest(),
            schema_fingerprint="0" * 64,
        )
        rows = {FILE: self.added_rows}
        added = SnapshotIngestion(sha256="0" * 64, applicants=1, left_out={}, rows=rows)
        IngestionSummary(
            profile="none",
            tables=(table,),
            snapshots=(added,) if self.added_rows else (),
            total_bytes=len(self.content),
            total_rows=1,
        ).write(self.summary)

    def measure(self, now: datetime = NOW, **rules: Any) -> FreshnessReport:
        """Measure freshness and write the report, as the command does."""
        generated = self.kind == "synthetic"
        files = {} if generated else {FILE: SourceSettings(uri=self.uri)}
        source = "synthetic" if generated else "nowhere"
        report = measure_freshness(
            FreshnessRequest(
                summary=self.summary,
                previous=self.report,
                copies=self.folder / "data/raw",
                ingest=IngestSettings(source=source, files=files, retries=0),
                rules=FreshnessSettings(**rules),
                now=now,
            )
        )
        report.write(self.report)
        return report

    def one(self, now: datetime = NOW, **rules: Any) -> SourceFreshness:
        """Measure, and give the one source."""
        (source,) = self.measure(now, **rules).sources
        return source


def local_source(folder: Path, *, days_old: float = 1.0, added_rows: int = 0) -> Ingested:
    """A file of this machine that was ingested as it is."""
    path = folder / "delivered" / FILE
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    date(path, days_old)
    ingested = Ingested(folder, str(path), added_rows=added_rows)
    ingested.write_summary()
    return ingested


def date(path: Path, days_old: float) -> None:
    """Give a file its time of change."""
    moment = (NOW - timedelta(days=days_old)).timestamp()
    os.utime(path, (moment, moment))
