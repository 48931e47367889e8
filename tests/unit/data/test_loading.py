"""Loading raw CSV files: what is accepted, what is refused, and in which words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from creditrisk.contracts.tables import Column, RawTable
from creditrisk.core.errors import CreditRiskError, MissingFile
from creditrisk.core.settings import ResourceSettings
from creditrisk.data.engine import connect
from creditrisk.data.loading import BrokenFile, WrongColumns, WrongValue, check_types, load_table

if TYPE_CHECKING:
    import duckdb

LOANS = RawTable(
    name="loans",
    key=("ID",),
    columns=(
        Column("ID", "integer", nullable=False),
        Column("AMOUNT", "real", nullable=True),
        Column("KIND", "category", nullable=True),
    ),
)


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with connect(ResourceSettings(threads=2)) as opened:
        yield opened


def write(folder: Path, content: str | bytes) -> Path:
    path = folder / "loans.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def loaded(connection: duckdb.DuckDBPyConnection, path: Path) -> list[tuple[object, ...]]:
    load_table(connection, path, LOANS, "loaded")
    return connection.execute("select * from loaded order by all").fetchall()


ACCEPTED = {
    "plain": ("ID,AMOUNT,KIND\n1,2.5,car\n", [(1, 2.5, "car")]),
    "whole number written as a decimal": (
        "ID,AMOUNT,KIND\n202500.0,1,car\n",
        [(202500, 1.0, "car")],
    ),
    "exponent": ("ID,AMOUNT,KIND\n1e3,1E-3,car\n", [(1000, 0.001, "car")]),
    "id above 2^31": ("ID,AMOUNT,KIND\n4294967296,1,car\n", [(4294967296, 1.0, "car")]),
    "empty cells": ("ID,AMOUNT,KIND\n1,,\n", [(1, None, None)]),
    "quoted cells": (
        'ID,AMOUNT,KIND\n"1","2","Stone, brick"\n',
        [(1, 2.0, "Stone, brick")],
    ),
    "doubled quotes": ('ID,AMOUNT,KIND\n1,2,"a ""b"""\n', [(1, 2.0, 'a "b"')]),
    "header alone": ("ID,AMOUNT,KIND\n", []),
    "header alone, no line end": ("ID,AMOUNT,KIND", []),
    "no line end at the end": ("ID,AMOUNT,KIND\n1,2,car", [(1, 2.0, "car")]),
    "byte order mark": ("\ufeffID,AMOUNT,KIND\n1,2,car\n", [(1, 2.0, "car")]),
    "Windows line ends": (
        "ID,AMOUNT,KIND\r\n1,2,car\r\n3,4,\r\n",
        [(1, 2.0, "car"), (3, 4.0, None)],
    ),
    "other column order": ("KIND,ID,AMOUNT\ncar,1,2\n", [(1, 2.0, "car")]),
    "quoted header": ('"ID","AMOUNT","KIND"\n1,2,car\n', [(1, 2.0, "car")]),
    "UTF-8": ("ID,AMOUNT,KIND\n1,2,café\n", [(1, 2.0, "café")]),
}


@pytest.mark.parametrize("case", ACCEPTED)
def test_what_is_well_formed_is_loaded_as_it_stands(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path, case: str
) -> None:
    """Every accepted spelling of a row gives the same typed values."""
    content, rows = ACCEPTED[case]
    path = write(tmp_path, content)
    assert loaded(connection, path) == rows
    assert check_types(connection, path, LOANS) == len(rows)


REFUSED: dict[str, tuple[str | bytes, type[CreditRiskError], str]] = {
    "fraction in an integer": (
        "ID,AMOUNT,KIND\n1,2,car\n1.5,2,car\n",
        WrongValue,
        "loans: line 3, column ID holds '1.5', must be a whole number",
    ),
    "word in an integer": ("ID,AMOUNT,KIND\nx,2,car\n", WrongValue, "line 2, column ID holds 'x'"),
    "word in a real": (
        "ID,AMOUNT,KIND\n1,2,car\n2,oops,car\n",
        WrongValue,
        "line 3, column AMOUNT holds 'oops', must be a finite number",
    ),
    "nan": ("ID,AMOUNT,KIND\n1,nan,car\n", WrongValue, "AMOUNT holds 'nan'"),
    "infinity": ("ID,AMOUNT,KIND\n1,-Infinity,car\n", WrongValue, "AMOUNT holds '-Infinity'"),
    "nan in an integer": ("ID,AMOUNT,KIND\nNaN,1,car\n", WrongValue, "ID holds 'NaN'"),
    "overflow": ("ID,AMOUNT,KIND\n1,1e999,car\n", WrongValue, "AMOUNT holds '1e999'"),
    "integer beyond 64 bits": ("ID,AMOUNT,KIND\n1e19,1,car\n", WrongValue, "ID holds '1e19'"),
    "decimal comma": ('ID,AMOUNT,KIND\n1,"2,5",car\n', WrongValue, "AMOUNT holds '2,5'"),
    "NUL byte in a number": (b"ID,AMOUNT,KIND\n1,2\0,car\n", WrongValue, r"AMOUNT holds '2\x00'"),
    "NUL bytes at the end": (
        b"ID,AMOUNT,KIND\n1,2,car\n\0\0\0\0",
        BrokenFile,
        "line 3, 1 cells found, 3 required",
    ),
    "not UTF-8": (
        b"ID,AMOUNT,KIND\n1,2,car\n1,2,caf\xe9\n",
        WrongValue,
        r"line 3, column KIND holds 'caf\\xe9', must be UTF-8 text",
    ),
    "cut short": ("ID,AMOUNT,KIND\n1,2,car\n1,2", BrokenFile, "line 3, 2 cells found, 3 required"),
    "cell too many": ("ID,AMOUNT,KIND\n1,2,a,b\n", BrokenFile, "line 2, 4 cells found, 3 required"),
    "quote never closed": (
        'ID,AMOUNT,KIND\n1,2,car\n1,2,"car\n1,2,car\n',
        BrokenFile,
        "line 3, the quoting is wrong",
    ),
    "text after a quote": (
        'ID,AMOUNT,KIND\n1,2,"a"b\n',
        BrokenFile,
        "line 2, the quoting is wrong",
    ),
    "mixed line ends": (
        "ID,AMOUNT,KIND\r\n1,2,car\n1,2,car\r\n",
        BrokenFile,
        "line 2, line endings change",
    ),
    "empty file": ("", BrokenFile, "the file is empty, at least a header is required"),
    "missing column": ("ID,KIND\n1,car\n", WrongColumns, "missing column AMOUNT"),
    "unknown column": ("ID,AMOUNT,KIND,AGE\n1,2,car,3\n", WrongColumns, "unknown column AGE"),
    "repeated column": (
        "ID,AMOUNT,KIND,ID\n1,2,car,1\n",
        WrongColumns,
        "repeated column ID",
    ),
    "no header": ("1,2,car\n", WrongColumns, "missing column ID, AMOUNT, KIND"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_well_formed_is_refused_with_its_place(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path, case: str
) -> None:
    """Loading and checking give the same verdict: file, table, first line, column, value, need."""
    content, error, words = REFUSED[case]
    path = write(tmp_path, content)
    with pytest.raises(error) as load:
        load_table(connection, path, LOANS, "loaded")
    with pytest.raises(error) as check:
        check_types(connection, path, LOANS)
    assert words in str(load.value)
    assert str(path) in str(load.value)
    assert str(check.value) == str(load.value)


def test_a_missing_file_is_named(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    """A file that is not there is refused before DuckDB is asked."""
    with pytest.raises(MissingFile, match=r"absent\.csv does not exist"):
        load_table(connection, tmp_path / "absent.csv", LOANS, "loaded")


def test_nothing_is_left_of_a_refused_load(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    """A refused file leaves no table behind, so the name can be used again."""
    with pytest.raises(WrongValue):
        load_table(connection, write(tmp_path, "ID,AMOUNT,KIND\n1.5,2,car\n"), LOANS, "loaded")
    assert loaded(connection, write(tmp_path, "ID,AMOUNT,KIND\n1,2,car\n")) == [(1, 2.0, "car")]


def test_the_first_offending_line_is_named_in_a_large_file(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    """However many threads read the file, the first of several offending lines is named."""
    lines = [f"{number},1,car" for number in range(400_000)]
    lines[350_000] = "2.5,1,car"
    lines[390_000] = "3.5,1,car"
    path = write(tmp_path, "\n".join(["ID,AMOUNT,KIND", *lines, ""]))
    with pytest.raises(WrongValue) as refusal:
        load_table(connection, path, LOANS, "loaded")
    assert (refusal.value.line, refusal.value.value) == (350_002, "2.5")


def test_a_line_inside_quotes_counts(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    """Line numbers are those of an editor, also after a cell that holds a line end."""
    path = write(tmp_path, 'ID,AMOUNT,KIND\n1,2,"two\nlines"\n1,oops,car\n')
    with pytest.raises(WrongValue) as refusal:
        load_table(connection, path, LOANS, "loaded")
    assert refusal.value.line == 4


def test_extra_columns_are_loaded_as_text(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    """A named extra column is required and follows the table's own."""
    path = write(tmp_path, "ID,PERSON,AMOUNT,KIND\n1,007,2,car\n")
    load_table(connection, path, LOANS, "loaded", extra_columns=("PERSON",))
    assert connection.execute("from loaded").fetchall() == [(1, 2.0, "car", "007")]
    with pytest.raises(WrongColumns, match="missing column PERSON"):
        load_table(
            connection, write(tmp_path, "ID,AMOUNT,KIND\n"), LOANS, "x", extra_columns=("PERSON",)
        )


def test_a_path_is_taken_literally(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    """Brackets, stars, quotes and key=value folders in a path mean nothing to the loader."""
    folder = tmp_path / "kind=car [1]* it's"
    folder.mkdir()
    assert loaded(connection, write(folder, "ID,AMOUNT,KIND\n1,2,bus\n")) == [(1, 2.0, "bus")]


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_every_row_is_loaded_once(tmp_path: Path, threads: int) -> None:
    """However many threads read the file, no row is lost or doubled."""
    path = write(tmp_path, "ID,AMOUNT,KIND\n" + "".join(f"{n},1,car\n" for n in range(300_000)))
    with connect(ResourceSettings(threads=threads)) as connection:
        assert load_table(connection, path, LOANS, "loaded") == 300_000
        found = connection.execute("select count(distinct ID), max(ID) from loaded").fetchall()
    assert found == [(300_000, 299_999)]


def test_loading_leaves_the_order_of_other_results_alone(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    """Rows may come in any order while a file is loaded, not afterwards."""
    setting = "select current_setting('preserve_insertion_order')"
    load_table(connection, write(tmp_path, "ID,AMOUNT,KIND\n"), LOANS, "loaded")
    assert connection.execute(setting).fetchall() == [(True,)]
    with pytest.raises(WrongValue):
        load_table(connection, write(tmp_path, "ID,AMOUNT,KIND\nx,,\n"), LOANS, "other")
    assert connection.execute(setting).fetchall() == [(True,)]
