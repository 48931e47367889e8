"""A feature table in a CSV or Parquet file, with whichever of the model's inputs it has."""

from __future__ import annotations

import csv
import glob
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from creditrisk.contracts.sql import quoted_name, quoted_text
from creditrisk.contracts.tables import APPLICANT_KEY, TARGET, Column, raw_tables
from creditrisk.contracts.verdicts import TableVerdict
from creditrisk.core.settings import Settings
from creditrisk.data.engine import stage_connection
from creditrisk.features.catalogue import load_catalogue
from creditrisk.features.feature_store import validation_runner
from creditrisk.monitoring.production.errors import EmptyPull, UnreadablePull
from creditrisk.monitoring.production.pull import FeatureRows
from creditrisk.monitoring.production.report import REPORT, BrokenRule
from creditrisk.monitoring.production.violations import FEATURES_COLUMNS, broken_rules

if TYPE_CHECKING:
    import duckdb

    from creditrisk.models.encoding import ModelFeature

_STORED, _TYPED = "pull_as_stored", "pull_as_typed"
_REQUIRED = {"integer": "a whole number", "real": "a finite number", "category": "text"}
_NO_TYPE = '"NULL"'  # what a column without any value is stored as
_NUMBERS = frozenset(
    {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER"}
    | {"UBIGINT", "UHUGEINT", "FLOAT", "DOUBLE", "BOOLEAN"}
)


def is_csv(path: Path) -> bool:
    """Whether a file is CSV by its name."""
    return path.suffix.lower() == ".csv"


def column_names(path: Path, shown: str) -> list[str]:
    """The names of a file's columns.

    Raises:
        UnreadablePull: it is neither CSV nor Parquet, or names a column twice.
    """
    names = csv_header(path, shown) if is_csv(path) else _parquet_names(path, shown)
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise UnreadablePull(shown, f"column {repeated[0]} stands there twice", "one of each name")
    return names


def read_features(
    path: Path, shown: str, features: Sequence[ModelFeature], settings: Settings
) -> FeatureRows:
    """Read a feature table and hold it to the contract of training.

    A cell that is not of its column's type is null and counted as a violation; a column that is
    stored as another type is absent.

    Raises:
        UnreadablePull, EmptyPull: there is nothing to measure.
    """
    names = column_names(path, shown)
    known = {column.name: column for column in _contract_columns()}
    with stage_connection(settings.resources, REPORT) as connection:
        stored = _store(connection, path, shown, names)
        usable, absent = _usable(stored, known, text=is_csv(path))
        if not usable:
            raise UnreadablePull(shown, "no column is of its type", "the types of the catalogue")
        typed = ", ".join(
            f"{_typed(known[name], text=is_csv(path))} as {quoted_name(name)}" for name in usable
        )
        connection.execute(f"create table {_TYPED} as select {typed} from {_STORED}")  # noqa: S608
        table = connection.table(_TYPED).to_arrow_table()
        if not table.num_rows:
            raise EmptyPull(shown)
        unreadable = _unreadable(connection, usable, known)
        inputs = [feature.name for feature in features]
        verdict = _checked(connection, settings, labelled=TARGET in usable)
    missing = {name: "the pull has no such column" for name in inputs if name not in names}
    return FeatureRows(
        table=table.select([name for name in usable if name != TARGET]),
        absent={**absent, **missing},
        extra_columns=tuple(name for name in names if name not in known),
        broken_rules=(*unreadable, *broken_rules([verdict], {APPLICANT_KEY, *inputs})),
    )


def _contract_columns() -> list[Column]:
    application = raw_tables()["application"]
    own = (application.column(name) for name in (APPLICANT_KEY, TARGET))
    return [*own, *load_catalogue().columns()]


def csv_header(path: Path, shown: str) -> list[str]:
    """The names in the first line of a CSV file.

    Raises:
        UnreadablePull: there is none, or it is no text.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            names = next(csv.reader(stream, strict=True), [])
    except (csv.Error, UnicodeDecodeError) as error:
        raise UnreadablePull(shown, "its header is not text", "CSV in UTF-8") from error
    if not names:
        raise UnreadablePull(shown, "it is empty", "CSV with a header")
    return names


def _parquet_names(path: Path, shown: str) -> list[str]:
    import pyarrow as pa
    from pyarrow import parquet

    if path.suffix.lower() != ".parquet":
        raise UnreadablePull(
            shown, f"its name ends in {path.suffix or 'nothing'}", ".csv or .parquet"
        )
    try:
        return list(parquet.read_schema(path).names)
    except (pa.ArrowException, OSError) as error:
        raise UnreadablePull(shown, _first_line(error), "a whole Parquet file") from error


def _store(
    connection: duckdb.DuckDBPyConnection, path: Path, shown: str, names: Sequence[str]
) -> dict[str, str]:
    """Load the file as it is, CSV as text; the type of each column."""
    import duckdb

    place = quoted_text(glob.escape(str(path)))
    columns = ", ".join(f"{quoted_text(name)}: 'VARCHAR'" for name in names)
    csv_source = (
        f"read_csv({place}, columns = {{{columns}}}, header = true, auto_detect = false, "
        "delim = ',', quote = '\"', escape = '\"', nullstr = '')"
    )
    # A quoted cell of nothing is null as well.
    texts = f"select nullif(columns(*), '') from {csv_source}"  # noqa: S608 (quoted names)
    source = texts if is_csv(path) else f"from read_parquet({place})"
    try:
        connection.execute(f"create table {_STORED} as {source}")
    except duckdb.Error as error:
        required = "CSV with as many cells in each line" if is_csv(path) else "intact Parquet"
        raise UnreadablePull(shown, _first_line(error), required) from error
    found = connection.execute(f"describe {_STORED}").fetchall()
    return {str(name): str(kind) for name, kind, *_ in found}


def _usable(
    stored: Mapping[str, str], known: Mapping[str, Column], *, text: bool
) -> tuple[list[str], dict[str, str]]:
    """The known columns that hold their type, and why others do not."""
    usable, absent = [], {}
    for name in stored:
        if name not in known:
            continue
        if text or _fits(stored[name], known[name]):
            usable.append(name)
        else:
            absent[name] = (
                f"it is stored as {stored[name]}, required is {_REQUIRED[known[name].type]}"
            )
    return usable, absent


def _fits(stored: str, column: Column) -> bool:
    if stored == _NO_TYPE:
        return True
    if column.type == "category":
        return stored == "VARCHAR" or stored.startswith("ENUM")
    return stored in _NUMBERS or stored.startswith("DECIMAL")


def _typed(column: Column, *, text: bool) -> str:
    """The SQL of a cell in its column's type, null where it is none."""
    cell = quoted_name(column.name)
    if column.type == "category":
        return f"{cell}::varchar"
    number = f"try_cast(trim({cell}) as double)" if text else f"{cell}::double"
    if column.type == "real":
        return f"case when isfinite({number}) then {number} end"
    whole = f"isfinite({number}) and {number} = trunc({number}) and abs({number}) < 2^63"
    return f"case when {whole} then {number}::bigint end"


def _unreadable(
    connection: duckdb.DuckDBPyConnection, names: Sequence[str], known: Mapping[str, Column]
) -> list[BrokenRule]:
    """The cells that are not of their column's type."""
    rows, *stored = _counts(connection, _STORED, names)
    _, *typed = _counts(connection, _TYPED, names)
    return [
        BrokenRule(
            table="features",
            rule=FEATURES_COLUMNS,
            level="error",
            violations=before - after,
            rows=rows,
            description=f"{name} holds {_REQUIRED[known[name].type]} in each cell, or nothing",
        )
        for name, before, after in zip(names, stored, typed, strict=True)
        if before > after
    ]


def _counts(
    connection: duckdb.DuckDBPyConnection, relation: str, names: Sequence[str]
) -> list[int]:
    """The rows of a relation, and its cells that are not null by column."""
    counts = ", ".join(f"count({quoted_name(name)})" for name in names)
    rows = connection.execute(f"select count(*), {counts} from {relation}").fetchall()  # noqa: S608
    return list(rows[0])


def _checked(
    connection: duckdb.DuckDBPyConnection, settings: Settings, *, labelled: bool
) -> TableVerdict:
    runner = validation_runner(settings.contracts)
    return runner.check_features(connection, _TYPED, labelled=labelled)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0].rstrip(".")
