"""From raw files to the feature table: load, check, aggregate, join, write.

One raw table is in memory at a time, while the next is being read. Once its features are computed,
only the keys that later tables need stay.
"""

from __future__ import annotations

import csv
import glob
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from creditrisk.contracts.runner import ValidationRunner
from creditrisk.contracts.tables import (
    APPLICANT_KEY,
    RAW_FILES,
    TARGET,
    Column,
    RawTable,
    raw_tables,
    without_target,
)
from creditrisk.contracts.verdicts import RuleOutcome, StageVerdict, TableVerdict, settle
from creditrisk.core.errors import CreditRiskError, Misuse
from creditrisk.core.files import atomic_path
from creditrisk.core.settings import ContractSettings, ResourceSettings
from creditrisk.data.engine import stage_connection
from creditrisk.data.loading import drop_table, load_table
from creditrisk.data.plain_csv import PlainReader, PlainRows, RawFile
from creditrisk.features.catalogue import load_catalogue
from creditrisk.features.metadata import describe
from creditrisk.features.queries import JOIN, QUERIES_OF, prepare, query
from creditrisk.observability.progress import progress_bars

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

STAGE = "build_feature_store"
APPLICATIONS = "application_train.csv"

_APPLICATION = "application"
_APPLICATION_FILES = (APPLICATIONS, "application_test.csv")
# What later tables need of a raw table once its features are computed.
_KEYS_OF_PARENTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        _APPLICATION: (APPLICANT_KEY,),
        "bureau": ("SK_ID_BUREAU", APPLICANT_KEY),
        "previous_application": ("SK_ID_PREV", APPLICANT_KEY),
    }
)


class GroupColumnIsFeature(Misuse):
    """The column that keeps applications together is one that the model would read."""

    def __init__(self, column: str) -> None:
        super().__init__(
            f"split.group_column is {column}, a signed-off feature; it must be a column that no "
            "model reads (params.yaml)."
        )


class FeaturesNotComputed(CreditRiskError):
    """DuckDB could not run a feature query on data that keeps its contract."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(f"sql/{name}.sql could not be computed: {message.splitlines()[0]}")


@dataclass(frozen=True, slots=True)
class Applicants:
    """The file of those whose features are computed, and what of it is carried through."""

    path: Path
    table: RawTable
    group_column: str | None

    @property
    def labelled(self) -> bool:
        """Whether the outcomes are known."""
        return TARGET in self.table.column_names

    @property
    def extra_columns(self) -> tuple[str, ...]:
        """The columns of the file beside those of the table."""
        known = (None, *self.table.column_names)
        return () if self.group_column in known else (str(self.group_column),)

    @property
    def carried(self) -> tuple[Column, ...]:
        """The columns that stand in the feature table beside key and features: outcome, group."""
        extra = tuple(Column(name, "category", nullable=True) for name in self.extra_columns)
        wanted = (TARGET, self.group_column)
        return tuple(c for c in (*self.table.columns, *extra) if c.name in wanted)


def validation_runner(settings: ContractSettings) -> ValidationRunner:
    """A runner that knows the signed-off features and what they read."""
    catalogue = load_catalogue()
    return ValidationRunner(
        settings, features=catalogue.columns(), feature_inputs=catalogue.inputs()
    )


def build_feature_store(
    raw: Path,
    out: Path,
    metadata_out: Path,
    *,
    validation_out: Path,
    summary_out: Path,
    resources: ResourceSettings,
    runner: ValidationRunner,
    applications: str = APPLICATIONS,
    group_column: str | None = None,
) -> StageVerdict:
    """Check the raw tables and compute the signed-off features of every applicant.

    The same rows give the same bytes, whatever their order and at any number of threads.

    Args:
        raw: folder of the seven raw files.
        out: the feature table, Parquet.
        metadata_out: what its columns are.
        validation_out: the verdict of the contracts.
        summary_out: the merged verdict of all stages, replaced when a contract is broken.
        resources: threads and memory.
        runner: the contracts; see `validation_runner`.
        applications: the file of the applicants; the outcome is carried through where it has one.
        group_column: a further column of that file that is carried through.

    Raises:
        ContractViolated: a table is unreadable or broke a rule. Every table is looked at first, and
            the verdict is written; the feature table stays as it was.
        GroupColumnIsFeature: `group_column` names a feature.
        FeaturesNotComputed: a value is beyond what the feature SQL can hold.
    """
    applicants = _applicants(raw / applications, group_column)
    with stage_connection(resources, out) as connection:
        prepare(connection)
        verdicts = _raw_verdicts(connection, runner, raw, applicants)
        if not _failed(verdicts):
            _join(connection, applicants)
            verdicts.append(_feature_verdict(connection, runner, applicants))
        verdict = StageVerdict.of(STAGE, verdicts, runner.relaxed_rules)
        settle(verdict, validation_out, summary_out)
        _write(connection, out)
    describe(applicants.carried).write(metadata_out)
    return verdict


def _applicants(path: Path, group_column: str | None) -> Applicants:
    if group_column is not None and group_column in load_catalogue().names:
        raise GroupColumnIsFeature(group_column)
    table = raw_tables()[_APPLICATION]
    # The applicants of a labelled snapshot must have outcomes; others may come with or without.
    labelled = path.name in RAW_FILES or TARGET in _header(path)
    return Applicants(path, table if labelled else without_target(table), group_column)


def _header(path: Path) -> list[str]:
    if not path.exists():
        return []  # the loader says so
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as stream:
        return next(csv.reader(stream), [])


def _raw_verdicts(
    connection: duckdb.DuckDBPyConnection,
    runner: ValidationRunner,
    raw: Path,
    applicants: Applicants,
) -> list[TableVerdict]:
    """Load, check and aggregate one raw table after another; after a failure only check."""
    connection.execute("set schema = 'raw'")
    verdicts: list[TableVerdict] = []
    parents: dict[str, str] = {}
    files = {name: _file(raw, name, applicants) for name in QUERIES_OF}
    reader = PlainReader.beside(connection, list(files.values()))
    with progress_bars() as progress, reader:
        for name, queries in QUERIES_OF.items():
            bar = progress.add_task(name, total=2 + len(queries))
            advance = partial(progress.advance, bar)
            try:
                extremes = _load(connection, files[name], name, reader.take())
            except CreditRiskError as error:
                verdicts.append(_unreadable(name, error))
                continue
            advance()
            verdicts.append(
                runner.check_raw(
                    connection, files[name].table, name, parents=parents, extremes=extremes
                )
            )
            advance()
            if not _failed(verdicts):
                for feature_table in queries:
                    _compute(connection, feature_table)
                    advance()
            _release(connection, name, applicants)
            if name == _APPLICATION:
                _know_other_applicants(connection, raw, applicants)
            parents[name] = name
    return verdicts


def _file(raw: Path, name: str, applicants: Applicants) -> RawFile:
    if name == _APPLICATION:
        return RawFile(applicants.path, applicants.table, applicants.extra_columns)
    return RawFile(raw / f"{name}.csv", raw_tables()[name])


def _load(
    connection: duckdb.DuckDBPyConnection, file: RawFile, name: str, plain: PlainRows | None
) -> pa.Table | None:
    """Load a raw table and return the extremes of its columns where they are known."""
    load_table(
        connection, file.path, file.table, name, extra_columns=file.extra_columns, plain=plain
    )
    return plain.extremes if plain else None


def _unreadable(name: str, error: CreditRiskError) -> TableVerdict:
    outcome = RuleOutcome(
        rule=f"{name}.readable",
        level="error",
        status="failed",
        description=str(error),
        violations=1,
        rows=1,
    )
    return TableVerdict.of(name, 0, [outcome])


def _failed(verdicts: Sequence[TableVerdict]) -> bool:
    return any(verdict.status == "failed" for verdict in verdicts)


def _compute(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    import duckdb

    try:
        # Not by a cursor: it would not see rows that the connection only has a view of.
        connection.sql(query(name)).create(f"features.{name}")
    except (duckdb.IOException, duckdb.OutOfMemoryException):
        raise  # the machine's fault, not the query's
    except duckdb.Error as error:
        raise FeaturesNotComputed(name, str(error)) from error


def _release(connection: duckdb.DuckDBPyConnection, name: str, applicants: Applicants) -> None:
    """Drop a raw table but for the keys that later tables need, and what is carried through."""
    if name == _APPLICATION:
        carried = (column.name for column in applicants.carried)
        _copy(connection, name, (APPLICANT_KEY, *carried), "features.carried")
    if name in _KEYS_OF_PARENTS:
        _copy(connection, name, _KEYS_OF_PARENTS[name], "raw.keys")
    drop_table(connection, name)
    if name in _KEYS_OF_PARENTS:
        connection.execute(f"alter table keys rename to {name}")


def _know_other_applicants(
    connection: duckdb.DuckDBPyConnection, raw: Path, applicants: Applicants
) -> None:
    """Add the ids of the folder's other applicants: their histories stand in the same tables.

    They only tell orphans; what is no id is passed over, the file's own checks are ingest_data's.
    """
    for path in (raw / name for name in _APPLICATION_FILES):
        if path == applicants.path or APPLICANT_KEY not in _header(path):
            continue
        with connection.cursor() as cursor:
            rows = cursor.read_csv(
                glob.escape(str(path)), header=True, all_varchar=True, ignore_errors=True
            )
            ids = rows.project(f"try_cast({APPLICANT_KEY} as bigint) as id")
            ids.filter("id is not null").insert_into(f"raw.{_APPLICATION}")


def _copy(
    connection: duckdb.DuckDBPyConnection, table: str, columns: Sequence[str], target: str
) -> None:
    import duckdb

    rows = connection.table(f"raw.{table}")
    rows.select(*map(duckdb.ColumnExpression, columns)).create(target)


def _join(connection: duckdb.DuckDBPyConnection, applicants: Applicants) -> None:
    with connection.cursor() as cursor:
        features = cursor.sql(query(JOIN))
        if applicants.carried:
            features = features.join(cursor.table("features.carried"), APPLICANT_KEY)
        features.create(f"features.{JOIN}")


def _feature_verdict(
    connection: duckdb.DuckDBPyConnection, runner: ValidationRunner, applicants: Applicants
) -> TableVerdict:
    connection.execute("set schema = 'features'")
    return runner.check_features(
        connection,
        JOIN,
        labelled=applicants.labelled,
        group_column=applicants.group_column,
    )


def _write(connection: duckdb.DuckDBPyConnection, out: Path) -> None:
    with atomic_path(out) as temporary, connection.cursor() as cursor:
        rows = cursor.table(f"features.{JOIN}").order(APPLICANT_KEY)
        rows.to_parquet(str(temporary), compression="zstd")
