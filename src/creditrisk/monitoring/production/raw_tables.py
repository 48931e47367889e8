"""A raw file of applications with whichever histories lie beside it, as feature rows.

Training refuses a raw table that breaks its contract; monitoring counts what is broken and measures
the rest. A history that is not there, or cannot be read, is an empty table, and no feature that is
made of it counts as measured.
"""

from __future__ import annotations

import glob
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from creditrisk.contracts.runner import ValidationRunner
from creditrisk.contracts.sql import quoted_name
from creditrisk.contracts.tables import (
    APPLICANT_KEY,
    TARGET,
    RawTable,
    raw_tables,
    without_target,
)
from creditrisk.core.errors import CreditRiskError
from creditrisk.core.settings import Settings
from creditrisk.data.engine import stage_connection
from creditrisk.data.loading import drop_table, load_table
from creditrisk.features.catalogue import Feature, load_catalogue
from creditrisk.features.feature_store import FeaturesNotComputed, validation_runner
from creditrisk.features.queries import JOIN, QUERIES_OF, prepare, query
from creditrisk.monitoring.production.errors import EmptyPull, UnreadablePull
from creditrisk.monitoring.production.feature_file import csv_header
from creditrisk.monitoring.production.pull import FeatureRows
from creditrisk.monitoring.production.report import REPORT, BrokenRule, NotMeasured
from creditrisk.monitoring.production.violations import broken_rules

if TYPE_CHECKING:
    import duckdb

    from creditrisk.models.encoding import ModelFeature

APPLICATION = "application"
HISTORIES = tuple(f"{name}.csv" for name in QUERIES_OF if name != APPLICATION)
APPLICATION_FILES = ("application_test.csv", "application_train.csv")

_KNOWN_APPLICANTS = "known_applicants"
_PULLED = "pulled_features"
_STORED_AS = {"integer": "BIGINT", "real": "DOUBLE", "category": "VARCHAR"}
_RAW_NAME = re.compile(r"\braw\.(\w+)", re.IGNORECASE)
# What later tables refer to, or their features read.
_PARENTS = frozenset({APPLICATION, "bureau", "previous_application"})


@dataclass(slots=True)
class _Findings:
    """What was noted of the raw files, one after another."""

    absent_tables: dict[str, str] = field(default_factory=dict)
    absent_columns: dict[tuple[str, str], str] = field(default_factory=dict)
    extra_columns: list[str] = field(default_factory=list)
    broken: list[BrokenRule] = field(default_factory=list)
    not_measured: list[NotMeasured] = field(default_factory=list)


def is_raw(names: Sequence[str]) -> bool:
    """Whether columns are those of a raw file of applications rather than of a feature table."""
    raw = {column.name for column in raw_tables()[APPLICATION].columns}
    features = set(load_catalogue().names)
    return len((raw - features).intersection(names)) > len((features - raw).intersection(names)) + 2


def read_raw_tables(
    folder: Path, applications: str, features: Sequence[ModelFeature], settings: Settings
) -> FeatureRows:
    """The features of a pull's applicants by the SQL of training.

    Args:
        folder: where the raw files lie.
        applications: which of them holds the applicants.
        features: the model's inputs.
        settings: contracts and resources.

    Raises:
        UnreadablePull, EmptyPull: the applications cannot be used.
        FeaturesNotComputed: a value is beyond what the feature SQL can hold.
    """
    runner = validation_runner(settings.contracts)
    findings = _Findings()
    with stage_connection(settings.resources, REPORT) as connection:
        prepare(connection)
        connection.execute("set schema = 'raw'")
        _take_applications(connection, runner, folder / applications, findings)
        for name in QUERIES_OF:
            if name != APPLICATION:
                _take_history(connection, runner, folder / f"{name}.csv", findings)
            _compute(connection, name)
            if name not in _PARENTS:
                drop_table(connection, name)
        absent = _absent(findings)
        names = [APPLICANT_KEY, *(n for n in load_catalogue().names if n not in absent)]
        _join(connection, names)
        verdict = runner.check_features(connection, _PULLED, labelled=False)
        table = connection.table(_PULLED).to_arrow_table()
    return FeatureRows(
        table=table,
        absent={f.name: absent[f.name] for f in features if f.name in absent},
        extra_columns=tuple(findings.extra_columns),
        broken_rules=(*findings.broken, *broken_rules([verdict], names)),
        not_measured=tuple(findings.not_measured),
    )


def _take_applications(
    connection: duckdb.DuckDBPyConnection,
    runner: ValidationRunner,
    path: Path,
    findings: _Findings,
) -> None:
    table = without_target(raw_tables()[APPLICATION])
    names = csv_header(path, str(path))
    if APPLICANT_KEY not in names:
        raise UnreadablePull(str(path), f"it has no column {APPLICANT_KEY}", "one row an applicant")
    _load(connection, path, table, names, findings)
    _know_applicants(connection, path)
    _check(connection, runner, table, findings)
    doubtful = _drop_doubtful(connection)
    (left,) = connection.execute(f"select count(*) from {APPLICATION}").fetchall()[0]  # noqa: S608
    if not left:
        why = "no applicant has an id of its own" if doubtful else "it holds no applicant"
        raise EmptyPull(str(path), why)
    if doubtful:
        why = "their applicants have no id, or stand there more than once"
        findings.not_measured.append(NotMeasured(what=f"{doubtful:,} rows", why=why))


def _take_history(
    connection: duckdb.DuckDBPyConnection,
    runner: ValidationRunner,
    path: Path,
    findings: _Findings,
) -> None:
    """Load a history and check it, or leave an empty table in its place and say why."""
    table = raw_tables()[path.stem]
    reason = f"{path.name} is not in the pull"
    if path.is_file():
        try:
            names = csv_header(path, path.name)
            keys = [c for c in table.column_names if c.startswith("SK_ID_") and c not in names]
            if not keys:
                _load(connection, path, table, names, findings)
                _check(connection, runner, table, findings)
                return
            reason = f"{path.name} has no column {keys[0]}"
        except CreditRiskError as error:
            reason = str(error)
        findings.broken.append(_unreadable(table.name, reason))
    findings.absent_tables[table.name] = reason
    findings.not_measured.append(NotMeasured(what=path.name, why=reason))
    columns = ", ".join(f"{quoted_name(c.name)} {_STORED_AS[c.type]}" for c in table.columns)
    connection.execute(f"create or replace table {quoted_name(table.name)} ({columns})")


def _load(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    table: RawTable,
    names: Sequence[str],
    findings: _Findings,
) -> None:
    """Load the columns that the file has; those of no meaning come along as text."""
    columns = tuple(column for column in table.columns if column.name in names)
    extra = [name for name in dict.fromkeys(names) if name not in table.column_names]
    present = RawTable(name=table.name, key=table.key, columns=columns)
    load_table(connection, path, present, table.name, extra_columns=extra)
    findings.extra_columns += [f"{table.name}.{name}" for name in extra if name != TARGET]


def _check(
    connection: duckdb.DuckDBPyConnection,
    runner: ValidationRunner,
    table: RawTable,
    findings: _Findings,
) -> None:
    """Hold a loaded table to its contract, then add the columns that it lacks, empty."""
    parents = {
        name: _KNOWN_APPLICANTS if name == APPLICATION else name
        for name in _PARENTS - {table.name} - set(findings.absent_tables)
    }
    verdict = runner.check_raw(connection, table, table.name, parents=parents)
    findings.broken += broken_rules([verdict], ())
    found = connection.execute(f"describe {quoted_name(table.name)}").fetchall()
    present = {str(name) for name, *_ in found}
    for column in table.columns:
        if column.name not in present:
            connection.execute(
                f"alter table {quoted_name(table.name)} "
                f"add column {quoted_name(column.name)} {_STORED_AS[column.type]}"
            )
            why = f"column {column.name} of {table.name} is not in the pull"
            findings.absent_columns[table.name, column.name] = why


def _know_applicants(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """The ids of all applicants of the folder, whose histories stand in the same tables."""
    connection.execute(
        f"create table {_KNOWN_APPLICANTS} as select {APPLICANT_KEY} from {APPLICATION}"  # noqa: S608
    )
    for other in (path.with_name(name) for name in APPLICATION_FILES):
        if other == path or not other.is_file():
            continue
        rows = connection.read_csv(
            glob.escape(str(other)), header=True, all_varchar=True, ignore_errors=True
        )
        if APPLICANT_KEY in rows.columns:
            ids = rows.project(f"try_cast({APPLICANT_KEY} as bigint) as id")
            ids.filter("id is not null").insert_into(f"raw.{_KNOWN_APPLICANTS}")


def _drop_doubtful(connection: duckdb.DuckDBPyConnection) -> int:
    """Drop rows without an id, and all rows of an applicant who has several; their number."""
    statement = (
        f"delete from {APPLICATION} where {APPLICANT_KEY} is null or {APPLICANT_KEY} in "  # noqa: S608
        f"(select {APPLICANT_KEY} from {APPLICATION} group by all having count(*) > 1)"
    )
    (count,) = connection.execute(statement).fetchall()[0]
    return int(count)


def _compute(connection: duckdb.DuckDBPyConnection, table: str) -> None:
    import duckdb

    for name in QUERIES_OF[table]:
        try:
            connection.execute(f"create table features.{name} as {query(name)}")
        except (duckdb.IOException, duckdb.OutOfMemoryException):
            raise  # the machine's fault, not the query's
        except duckdb.Error as error:
            raise FeaturesNotComputed(name, str(error)) from error


def _join(connection: duckdb.DuckDBPyConnection, names: Sequence[str]) -> None:
    connection.execute("set schema = 'features'")
    columns = ", ".join(map(quoted_name, names))
    connection.execute(f"create table {JOIN} as {query(JOIN)}")
    connection.execute(
        f"create table {_PULLED} as select {columns} from {JOIN} order by {APPLICANT_KEY}"  # noqa: S608
    )


def _absent(findings: _Findings) -> dict[str, str]:
    """The features that are made of something that is not there, with the first reason."""
    reasons = {f.name: _why_absent(f, findings) for f in load_catalogue()}
    return {name: why for name, why in reasons.items() if why is not None}


def _why_absent(feature: Feature, findings: _Findings) -> str | None:
    read = {name.lower() for name in _RAW_NAME.findall(query(feature.source))}
    tables: Mapping[str, str] = findings.absent_tables
    columns = (findings.absent_columns.get(raw) for raw in (*feature.inputs, *feature.null_inputs))
    reasons = (*(why for name, why in tables.items() if name.lower() in read), *columns)
    return next((why for why in reasons if why is not None), None)


def _unreadable(table: str, reason: str) -> BrokenRule:
    return BrokenRule(
        table=table,
        rule=f"{table}.readable",
        level="error",
        violations=1,
        rows=1,
        description=reason,
    )
