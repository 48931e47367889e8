"""From the sources named in params.yaml to checked raw files in one folder, all of them or none."""

from __future__ import annotations

import csv
import hashlib
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict

from creditrisk.contracts.tables import (
    RAW_FILES,
    RawTable,
    raw_tables,
    without_target,
)
from creditrisk.core.errors import CreditRiskError
from creditrisk.core.files import free_bytes
from creditrisk.core.report import Report
from creditrisk.core.settings import IngestSettings, ResourceSettings
from creditrisk.data.engine import stage_connection
from creditrisk.data.labelled import Snapshot
from creditrisk.data.labelled_rows import Addition, add_rows
from creditrisk.data.labelled_truth import extend_truth, write_unknown_truth
from creditrisk.data.loading import check_types
from creditrisk.data.sources.acquisition import Delivery, RawFile, acquire, locate
from creditrisk.data.sources.archives import digest
from creditrisk.data.sources.errors import DiskFull, RejectedTable, StorageFailed, UnusableSource
from creditrisk.data.sources.expectation import Expectation, expectations
from creditrisk.data.sources.generated import GeneratedObject
from creditrisk.data.sources.local import report_unknown_files
from creditrisk.data.sources.location import SYNTHETIC, Location
from creditrisk.data.sources.staging import Staging, staging
from creditrisk.data.sources.transfer import OUT_OF_SPACE
from creditrisk.observability.progress import progress_bars

if TYPE_CHECKING:
    import duckdb

TRUTH_FILE = "application_train.parquet"
GENERATED_FOLDER = "generated"

_REQUIRED = tuple(RAW_FILES)
_OPTIONAL = ("application_test.csv",)
_ALL = (*_REQUIRED, *_OPTIONAL)


class TableIngestion(BaseModel):
    """One raw file: where it came from and what identifies its content."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str
    table: str
    source: str
    uri: str
    bytes: int
    rows: int
    md5: str
    sha256: str
    schema_fingerprint: str


class SnapshotIngestion(BaseModel):
    """A labelled snapshot whose rows were added to those of the source.

    `left_out` counts applicants of whom the source has a row, by the first file that has one.
    `rows` are those added, by file.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    sha256: str
    applicants: int
    left_out: dict[str, int]
    rows: dict[str, int]


class IngestionSummary(Report):
    """What `ingest_data` took in, in the order of the data model.

    A `uri` is without user, password and query; a `schema_fingerprint` is the SHA-256 of the
    header's names with their declared types. Bytes, rows and checksums are of the files as they lie
    in data/raw, the rows of `snapshots` among them.
    """

    profile: Literal["none", "kaggle"]
    tables: tuple[TableIngestion, ...]
    snapshots: tuple[SnapshotIngestion, ...] = ()
    total_bytes: int
    total_rows: int


@dataclass(frozen=True, slots=True)
class Folders:
    """Where `ingest` writes: raw files, true PDs, and the summary that vouches for them."""

    raw: Path
    truth: Path
    summary: Path


def ingest(
    settings: IngestSettings,
    resources: ResourceSettings,
    folders: Folders,
    snapshots: Sequence[Snapshot] = (),
) -> IngestionSummary:
    """Fetch and check all raw files, add the rows of labelled snapshots, then replace the old ones.

    Until every file has passed, the files of the last run stay as they are. The true PDs of a
    generated portfolio go to `folders.truth`; a table without rows goes there for other sources.

    Raises:
        CreditRiskError: one of creditrisk.data.sources.errors says which file was refused and why.
        DamagedSnapshot, OverlappingSnapshots: a snapshot cannot be added.
    """
    with (
        _machine_errors(folders.raw),
        staging(folders.raw) as raw,
        staging(folders.truth) as truth,
        stage_connection(resources, folders.raw) as connection,
    ):
        deliveries = _deliveries(settings, resources, raw, truth)
        checks = _Checks(connection, expectations(settings))
        with progress_bars() as progress:
            workers = settings.parallel_downloads
            files = acquire(deliveries, raw, workers, progress, checks.check)
        additions = _add_snapshots(settings, files, snapshots, connection, raw)
        if additions:
            extend_truth(truth.folder, truth.folder / TRUTH_FILE, additions)
        summary = checks.summary(settings, files, additions)
        _commit(files, raw, truth, folders.summary)
        summary.write(folders.summary)
    return summary


def _deliveries(
    settings: IngestSettings, resources: ResourceSettings, raw: Staging, truth: Staging
) -> list[Delivery]:
    if Location(settings.source).kind == SYNTHETIC:
        return _generate(settings, resources, raw, truth)
    deliveries = locate(settings, _REQUIRED, _OPTIONAL)
    write_unknown_truth(truth.folder / TRUTH_FILE)
    report_unknown_files(Location(settings.source), _ALL)
    return deliveries


def _generate(
    settings: IngestSettings, resources: ResourceSettings, raw: Staging, truth: Staging
) -> list[Delivery]:
    from creditrisk.data.synthetic import generate_portfolio

    if settings.files:
        raise UnusableSource(
            f"{SYNTHETIC} with files from elsewhere ({', '.join(sorted(settings.files))})",
            "a generated portfolio is consistent only as a whole",
            "no ingest.files beside source: synthetic",
        )
    folder = raw.folder / GENERATED_FOLDER
    folder.mkdir()
    generate_portfolio(folder, truth.folder, settings.synthetic, threads=resources.threads)
    return [
        Delivery(GeneratedObject(folder / name), (name,))
        for name in _ALL
        if (folder / name).exists()
    ]


def _add_snapshots(
    settings: IngestSettings,
    files: Sequence[RawFile],
    snapshots: Sequence[Snapshot],
    connection: duckdb.DuckDBPyConnection,
    raw: Staging,
) -> list[Addition]:
    if not snapshots:
        return []
    if _are_in_place(files, raw):
        raise UnusableSource(
            Location(settings.source).shown,
            "it is the folder of the raw files itself, to which labelled snapshots would be added",
            "a source elsewhere, which stays as it is",
        )
    return add_rows(snapshots, {file.name: file.path for file in files}, connection)


def _commit(files: Sequence[RawFile], raw: Staging, truth: Staging, summary: Path) -> None:
    # Production pulls of a generated portfolio come along; those of an earlier one go.
    arrived = _files(raw.folder / GENERATED_FOLDER, "**/*.csv")
    arrived |= {file.name: file.path for file in files}
    present = {*_OPTIONAL, *_files(raw.target, "production/month_*/*.csv")}
    true_pds = _files(truth.folder, "**/*.parquet")
    raw.require_way(arrived)
    truth.require_way(true_pds)
    # A process that is killed from here on leaves no summary that vouches for a mix.
    summary.unlink(missing_ok=True)
    raw.commit(arrived, stale=() if _are_in_place(files, raw) else present - set(arrived))
    truth.commit(true_pds, stale=set(_files(truth.target, "**/*.parquet")) - set(true_pds))


def _are_in_place(files: Sequence[RawFile], raw: Staging) -> bool:
    """Whether the folder is its own source: then nothing in it is stale."""
    return any(not file.path.is_relative_to(raw.folder) for file in files)


def _files(folder: Path, pattern: str) -> dict[str, Path]:
    """The files of a folder by their paths relative to it."""
    return {str(path.relative_to(folder)): path for path in folder.glob(pattern)}


class _Checks:
    """The checks of content, header and types, and what they found out; one scan at a time."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, known: dict[str, Expectation]
    ) -> None:
        self._connection = connection
        self._known = known
        self._lock = threading.Lock()
        self._passed: dict[str, TableIngestion] = {}

    def check(self, file: RawFile) -> None:
        """Refuse a file that is not the one asked for, or not the table of its name.

        Raises:
            WrongContent, RejectedTable.
        """
        table = _table(file.name)
        uri = file.location.shown
        expected = self._known.get(file.name, Expectation())
        expected.check_content(file.name, uri, file.digests)
        rows = self._rows(file, table)
        expected.check_rows(file.name, uri, rows)
        self._passed[file.name] = TableIngestion(
            file=file.name,
            table=table.name,
            source=file.location.kind,
            uri=uri,
            bytes=file.digests.bytes,
            rows=rows,
            md5=file.digests.md5,
            sha256=file.digests.sha256,
            schema_fingerprint=_schema_fingerprint(file.path, table),
        )

    def summary(
        self, settings: IngestSettings, files: Sequence[RawFile], additions: Sequence[Addition]
    ) -> IngestionSummary:
        """What passed, in the order of the data model, with what was added to it since."""
        paths = {file.name: file.path for file in files}
        tables = tuple(
            _extended(self._passed[name], paths[name], additions)
            for name in _ALL
            if name in self._passed
        )
        return IngestionSummary(
            profile=settings.profile,
            tables=tables,
            snapshots=tuple(map(_taken_in, additions)),
            total_bytes=sum(table.bytes for table in tables),
            total_rows=sum(table.rows for table in tables),
        )

    def _rows(self, file: RawFile, table: RawTable) -> int:
        try:
            with self._lock:
                return check_types(self._connection, file.path, table)
        except CreditRiskError as problem:
            raise RejectedTable(file.location.shown, file.path, problem) from problem


def _extended(table: TableIngestion, path: Path, additions: Sequence[Addition]) -> TableIngestion:
    """What a file is with the rows that were added to it."""
    if not any(addition.rows.get(table.file) for addition in additions):
        return table
    digests = digest(path, lambda _: None)
    rows = table.rows + sum(addition.rows[table.file] for addition in additions)
    return table.model_copy(update={**asdict(digests), "rows": rows})


def _taken_in(addition: Addition) -> SnapshotIngestion:
    return SnapshotIngestion(
        sha256=addition.snapshot.sha256,
        applicants=len(addition.applicants),
        left_out=addition.left_out,
        rows=addition.rows,
    )


def _table(file_name: str) -> RawTable:
    if file_name in _OPTIONAL:
        return without_target(raw_tables()["application"])
    return raw_tables()[RAW_FILES[file_name]]


def _schema_fingerprint(path: Path, table: RawTable) -> str:
    with path.open(encoding="utf-8-sig", newline="") as stream:
        names = next(csv.reader(stream))
    declared = "".join(f"{name}:{table.column(name).type}\n" for name in names)
    return hashlib.sha256(declared.encode()).hexdigest()


@contextmanager
def _machine_errors(folder: Path) -> Iterator[None]:
    """Say in the project's words what the operating system refused."""
    try:
        yield
    except OSError as error:
        if error.errno in OUT_OF_SPACE:
            raise DiskFull(folder, None, free_bytes(folder)) from error
        raise StorageFailed(error.filename or folder, error.strerror or str(error)) from error
