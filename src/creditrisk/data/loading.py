"""Raw CSV files into typed DuckDB tables, refusing what is not exactly what was declared.

DuckDB alone would round 1.5 into an integer column and take 'nan' for a number. Here every
number is read as a double and guarded on its way into the table; that costs 5 % of the scan. Only
when DuckDB or a guard objects is the file read a second time, line by line, to say what is wrong
where.
"""

from __future__ import annotations

import csv
import glob
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from creditrisk.contracts.sql import quoted_name, quoted_text
from creditrisk.contracts.tables import Column, RawTable
from creditrisk.core.errors import CreditRiskError, MissingFile

if TYPE_CHECKING:
    import duckdb

    from creditrisk.data.plain_csv import PlainRows

_READ_TYPES = {"integer": "DOUBLE", "real": "DOUBLE", "category": "VARCHAR"}
_EXPECTED = {"integer": "a whole number", "real": "a finite number", "category": "UTF-8 text"}
_NUMBER = re.compile(r"[ \t]*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?[ \t]*", re.ASCII)
_LARGEST_INTEGER = 2**63


class WrongColumns(CreditRiskError):
    """The header of a raw file does not name the columns of its table."""

    def __init__(self, path: Path, table: str, problems: Sequence[str]) -> None:
        self.path = path
        self.table = table
        self.problems = tuple(problems)
        super().__init__(f"{path} refused as table {table}: {'; '.join(problems)}.")


class WrongValue(CreditRiskError):
    """A cell of a raw file is not of its column's type."""

    def __init__(
        self, path: Path, table: str, column: str, *, line: int, value: str, expected: str
    ) -> None:
        self.path = path
        self.table = table
        self.column = column
        self.line = line
        self.value = value
        super().__init__(
            f"{path} refused as table {table}: line {line}, column {column} holds {value!r}, "
            f"must be {expected}."
        )


class BrokenFile(CreditRiskError):
    """A raw file cannot be read as the CSV that it must be."""

    def __init__(self, path: Path, table: str, line: int | None, problem: str) -> None:
        self.path = path
        self.table = table
        self.line = line
        place = "" if line is None else f"line {line}, "
        super().__init__(f"{path} refused as table {table}: {place}{problem}.")


def load_table(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    table: RawTable,
    name: str,
    *,
    extra_columns: Sequence[str] = (),
    plain: PlainRows | None = None,
) -> int:
    """Load one CSV file into the new DuckDB table `name` and return its number of rows.

    The columns stand in the order of `table`, whatever their order in the file: integers as
    BIGINT, reals as DOUBLE, categories as VARCHAR, empty cells as nulls. `extra_columns` names
    further columns that the file must have; they follow as VARCHAR. Rows come in no order: to keep
    the file's would cost a seventh more. Where the rows were already read as `plain`, `name` is a
    view of them; `drop_table` drops either.

    Raises:
        MissingFile, WrongColumns, BrokenFile, WrongValue.
    """
    if plain is not None:
        return _show(connection, plain, name)
    columns = (*table.columns, *map(_text_column, extra_columns))
    values = ", ".join(f"{_guarded(column)} as {quoted_name(column.name)}" for column in columns)
    source = _source(path, table.name, columns)
    statement = f"create table {quoted_name(name)} as select {values} from {source}"  # noqa: S608
    connection.execute("set preserve_insertion_order = false")
    try:
        return _run(connection, statement, path, table.name, columns)
    finally:
        connection.execute("reset preserve_insertion_order")


def drop_table(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    """Drop what `load_table` made."""
    views = connection.execute("select view_name from duckdb_views() where not internal").fetchall()
    if (name,) in views:
        connection.execute(f"drop view {quoted_name(name)}")
        connection.unregister(_rows_of(name))
    else:
        connection.execute(f"drop table {quoted_name(name)}")


def _show(connection: duckdb.DuckDBPyConnection, plain: PlainRows, name: str) -> int:
    rows = _rows_of(name)
    connection.register(rows, plain.rows)
    connection.execute(f"create view {quoted_name(name)} as from {quoted_name(rows)}")
    return int(plain.rows.num_rows)


def _rows_of(name: str) -> str:
    return f"{name}_plain_rows"


def check_types(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    table: RawTable,
    *,
    extra_columns: Sequence[str] = (),
) -> int:
    """Scan one CSV file as `load_table` would, storing nothing, and return its number of rows.

    Raises:
        MissingFile, WrongColumns, BrokenFile, WrongValue.
    """
    columns = (*table.columns, *map(_text_column, extra_columns))
    # Counting each guarded value forces DuckDB to read and convert every column.
    counts = ", ".join(f"count({_guarded(column)})" for column in columns)
    source = _source(path, table.name, columns)
    statement = f"select count(*), {counts} from {source}"  # noqa: S608
    return _run(connection, statement, path, table.name, columns)


def _run(
    connection: duckdb.DuckDBPyConnection,
    statement: str,
    path: Path,
    table: str,
    columns: Sequence[Column],
) -> int:
    import duckdb

    try:
        row = connection.execute(statement).fetchone()
    except (duckdb.ConversionException, duckdb.InvalidInputException) as error:
        raise _first_fault(path, table, columns, str(error)) from error
    return int(row[0]) if row else 0


def _text_column(name: str) -> Column:
    return Column(name=name, type="category", nullable=True)


def _guarded(column: Column) -> str:
    """The SQL of a value that has its declared type or stops the statement."""
    value = quoted_name(column.name)
    if column.type == "integer":
        return f"case when {value} <> trunc({value}) then error('') else {value}::bigint end"
    if column.type == "real":
        return f"case when not isfinite({value}) then error('') else {value} end"
    return value


def _source(path: Path, table: str, columns: Sequence[Column]) -> str:
    """The SQL that reads the file, its columns in file order."""
    types = {column.name: _READ_TYPES[column.type] for column in columns}
    in_file_order = _checked_header(path, table, types)
    declared = ", ".join(f"{quoted_text(name)}: '{types[name]}'" for name in in_file_order)
    return (
        f"read_csv({quoted_text(glob.escape(str(path)))}, columns = {{{declared}}}, header = true, "
        "auto_detect = false, delim = ',', quote = '\"', escape = '\"', nullstr = '', "
        "compression = 'none', hive_partitioning = false)"
    )


def _checked_header(path: Path, table: str, required: Iterable[str]) -> list[str]:
    names = _header(path, table)
    counts = Counter(names)
    required = list(required)
    problems = [
        f"{what} {', '.join(columns)}"
        for what, columns in (
            ("missing column", [name for name in required if name not in counts]),
            ("unknown column", [name for name in counts if name not in required]),
            ("repeated column", [name for name, count in counts.items() if count > 1]),
        )
        if columns
    ]
    if problems:
        raise WrongColumns(path, table, problems)
    return names


def _header(path: Path, table: str) -> list[str]:
    if not path.exists():
        raise MissingFile(path, f"table {table}", "Run ingest_data or pass its folder.")
    try:
        with _open(path) as stream:
            names = next(csv.reader(stream, strict=True), None)
    except csv.Error as error:
        raise BrokenFile(path, table, 1, f"the header is not CSV ({error})") from error
    if not names:
        raise BrokenFile(path, table, None, "the file is empty, at least a header is required")
    return names


def _open(path: Path) -> TextIO:
    return path.open(encoding="utf-8-sig", errors="surrogateescape", newline="")


def _first_fault(
    path: Path, table: str, columns: Sequence[Column], engine_message: str
) -> CreditRiskError:
    """What a person needs to know about a file that DuckDB would not load."""
    by_name = {column.name: column for column in columns}
    in_file_order = [by_name[name] for name in _header(path, table)]
    with _open(path) as stream:
        lines = _Lines(stream)
        rows = csv.reader(lines, strict=True)
        try:
            next(rows)
            lines.end_row()
            for cells in rows:
                fault = _row_fault(path, table, in_file_order, lines, cells)
                if fault:
                    return fault
        except csv.Error as error:
            return BrokenFile(path, table, lines.row_start, f"the quoting is wrong ({error})")
    return BrokenFile(path, table, None, f"DuckDB says: {engine_message.splitlines()[0]}")


class _Lines(Iterator[str]):
    """The lines of a stream, remembering where the current CSV row began and how lines end."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._number = 0
        self.row_start = 1
        self.ending = ""
        self.first_ending = ""

    def __next__(self) -> str:
        line = next(self._stream)
        self._number += 1
        self.ending = line[len(line.rstrip("\r\n")) :]
        self.first_ending = self.first_ending or self.ending
        return line

    def end_row(self) -> int:
        """The line on which the row just read began."""
        start, self.row_start = self.row_start, self._number + 1
        return start


def _row_fault(
    path: Path, table: str, columns: Sequence[Column], lines: _Lines, cells: list[str]
) -> CreditRiskError | None:
    line = lines.end_row()
    if not cells:
        return None
    if len(cells) != len(columns):
        found = f"{len(cells)} cells found, {len(columns)} required"
        return BrokenFile(path, table, line, f"{found} (cut short, or a comma without quotes)")
    if lines.ending not in ("", lines.first_ending):
        return BrokenFile(path, table, line, "line endings change within the file")
    for column, cell in zip(columns, cells, strict=True):
        if not _acceptable(column, cell):
            return WrongValue(
                path,
                table,
                column.name,
                line=line,
                value=cell.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace"),
                expected=_EXPECTED[column.type],
            )
    return None


def _acceptable(column: Column, cell: str) -> bool:
    if not cell:
        return True
    if column.type == "category":
        return not any("\udc80" <= character <= "\udcff" for character in cell)
    if not _NUMBER.fullmatch(cell):
        return False
    value = float(cell)
    if column.type == "real":
        return math.isfinite(value)
    return value == math.trunc(value) if abs(value) < _LARGEST_INTEGER else False
