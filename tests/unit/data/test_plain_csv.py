"""Reading plain files by Arrow: the rows that the careful loader gives, or nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from creditrisk.contracts.tables import Column, RawTable
from creditrisk.core.errors import CreditRiskError
from creditrisk.core.settings import ResourceSettings
from creditrisk.data.engine import connect
from creditrisk.data.loading import drop_table, load_table
from creditrisk.data.plain_csv import PlainReader, PlainRows, RawFile, read_plain

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
HEADER = "ID,AMOUNT,KIND\n"

PLAIN = {
    "nothing": "",
    "numbers and text": "1,2.5,car\n-3,-1e-3,bus\n",
    "empty cells": "1,,\n",
    "an empty column": "1,,car\n2,,car\n",
    "all empty": ",,\n",
    "blank lines": "1,2,a\n\n2,3,b\n\n",
    "no line end at the end": "1,2,a",
    "quoted cells": '"1","2","Stone, brick"\n3,4,"b"\n',
    "quoted nothing": '1,"",""\n',
    "blanks around numbers": " 1,\t2 ,a\n",
    "blanks around text": "1,2, a \n",
    "leading zeros": "007,007.50,a\n",
    "negative zero": "-0,-0,a\n",
    "points without digits": "1,.5,a\n2,5.,a\n",
    "more digits than a double has": "1,0.12345678901234567890123456789,a\n",
    "the smallest double": "1,4.9406564584124654e-324,a\n",
    "the largest exact integer": "9007199254740991,1,a\n",
    "characters beyond ASCII": "1,2,café\u2028\n",
    "a NUL in text": "1,2,a\0b\n",
    "x after another digit": "1,2,10 x 20\n",
}
ODD: dict[str, str | bytes] = {
    "a whole number written as a decimal": "1.0,2,a\n",
    "a fraction in an integer": "1.5,2,a\n",
    "an exponent in an integer": "1e3,2,a\n",
    "a plus sign": "+1,2,a\n",
    "a hexadecimal integer": "0x1F,2,a\n",
    "a negative hexadecimal integer": "1,2,a\n-0X1F,2,a\n",
    "a hexadecimal real": "1,0x1F,a\n",
    "not a number": "1,nan,a\n",
    "not a number in capitals": "1,2,a\n1,NaN,a\n",
    "infinity": "1,-inf,a\n",
    "infinities that cancel out": "1,inf,a\n1,-inf,a\n",
    "overflow": "1,1e999,a\n",
    "an integer that a double rounds": "9007199254740993,2,a\n",
    "an integer beyond 64 bits": "9223372036854775808,2,a\n",
    "the largest integer of 64 bits": "9223372036854775807,2,a\n",
    "a word": "1,NULL,a\n",
    "underscores": "1,1_000,a\n",
    "a cell of blanks": "1, ,a\n",
    "Windows line ends": "1,2,a\r\n",
    "mixed line ends": "1,2,a\n1,2,a\r\n",
    "a carriage return in a cell": '1,2,"a\rb"\n',
    "too few cells": "1,2\n",
    "too many cells": "1,2,a,b\n",
    "cut short": "1,2,a\n1,2",
    "a line of blanks": "1,2,a\n  \n",
    "a quote never closed": '1,2,"a\n',
    "text after a quote": '1,2,"a"b\n',
    "text before a quote": '1,2,b"a"\n',
    "a quote inside text": '1,2,a"b\n',
    "a quote at the end of text": '1,2,a"\n',
    "quotes that only pair across cells": '1,2,a"\n1,"2,a\n',
    "doubled quotes": '1,2,"a ""b"""\n',
    "a line end in quotes": '1,2,"two\nlines"\n',
    "not UTF-8": b"1,2,caf\xe9\n",
    "an overlong encoding": b"1,2,\xc0\x80\n",
    "a surrogate": b"1,2,\xed\xa0\x80\n",
}


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with connect(ResourceSettings(threads=2, memory_limit="1GiB")) as opened:
        yield opened


def write(folder: Path, rows: str | bytes, header: str = HEADER) -> RawFile:
    path = folder / "loans.csv"
    path.write_bytes(header.encode() + (rows if isinstance(rows, bytes) else rows.encode()))
    return RawFile(path, LOANS)


def loaded(
    connection: duckdb.DuckDBPyConnection, file: RawFile, plain: PlainRows | None
) -> list[str]:
    load_table(connection, file.path, LOANS, "t", extra_columns=file.extra_columns, plain=plain)
    rows = connection.execute("from t order by all").fetchall()
    drop_table(connection, "t")
    return [repr(row) for row in rows]  # so that 0.0 and -0.0 differ


@pytest.mark.parametrize("case", PLAIN)
def test_plain_rows_are_those_of_the_careful_loader(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path, case: str
) -> None:
    """What is plain has, to the last bit, the values that `load_table` reads itself."""
    file = write(tmp_path, PLAIN[case])
    plain = read_plain(file)
    assert plain is not None
    assert loaded(connection, file, plain) == loaded(connection, file, None)


@pytest.mark.parametrize("case", ODD)
def test_odd_files_are_left_to_the_careful_loader(tmp_path: Path, case: str) -> None:
    """What Arrow refuses or would read otherwise is never plain."""
    assert read_plain(write(tmp_path, ODD[case])) is None


@pytest.mark.parametrize(
    "header", ["", "ID,AMOUNT\n", "ID,AMOUNT,KIND,AGE\n", "ID,AMOUNT,KIND,ID\n"]
)
def test_other_columns_are_left_to_the_careful_loader(tmp_path: Path, header: str) -> None:
    """A header that does not name the table's columns once each is not plain."""
    assert read_plain(write(tmp_path, "", header)) is None


def test_a_header_that_is_no_text_is_left_to_the_careful_loader(tmp_path: Path) -> None:
    """Names of columns that are not UTF-8 are not plain."""
    assert read_plain(write(tmp_path, b"ID,AMOUNT,KIND\xff\n1,2,a\n", header="")) is None


@pytest.mark.parametrize("header", ["KIND,ID,AMOUNT\n", '"KIND","ID","AMOUNT"\n'])
def test_columns_stand_in_the_order_of_the_table(tmp_path: Path, header: str) -> None:
    """The order of columns in the file does not matter, nor do quotes in the header."""
    plain = read_plain(write(tmp_path, "car,1,2\n", header))
    assert plain is not None
    assert plain.rows.to_pylist() == [{"ID": 1, "AMOUNT": 2.0, "KIND": "car"}]
    assert plain.rows.column_names == ["ID", "AMOUNT", "KIND"]


def test_extra_columns_follow_as_text(tmp_path: Path) -> None:
    """A further column is text, whatever it looks like."""
    file = write(tmp_path, "1,007,2,car\n", "ID,PERSON,AMOUNT,KIND\n")
    plain = read_plain(RawFile(file.path, LOANS, ("PERSON",)))
    assert plain is not None
    assert plain.rows.to_pylist() == [{"ID": 1, "AMOUNT": 2.0, "KIND": "car", "PERSON": "007"}]


@pytest.mark.parametrize("odd", ['1,2,"a"b', "0x1F,2,a", "1,2,a\r"])
def test_an_oddity_is_seen_wherever_blocks_end(tmp_path: Path, odd: str) -> None:
    """Files are looked at in blocks; what stands across the end of one is not missed."""
    from creditrisk.data import plain_csv

    size = plain_csv._BLOCK_BYTES
    for before in range(size - len(odd), size + 1):
        filler = "1,2,b\n" * (before // 6 - 10)
        rest = before - len(HEADER) - len(filler)
        text = f"{filler}1,2,{'b' * (rest - 5)}\n{odd}\n1,2,a\n"
        assert read_plain(write(tmp_path, text)) is None


def test_quoted_cells_across_blocks_are_plain(tmp_path: Path) -> None:
    """A well-formed file of many blocks is read whole, quotes and all."""
    kinds = ["car", '"Stone, brick"', '"bus"', ""]
    rows = [f"{n},{n / 4},{kinds[n % 4]}" for n in range(600_000)]
    plain = read_plain(write(tmp_path, "\n".join(rows)))
    assert plain is not None
    assert plain.rows.num_rows == 600_000
    assert set(plain.extremes["KIND"].to_pylist()) == {"car", "Stone, brick", "bus", None}


def test_extremes_hold_what_bounds_each_column(tmp_path: Path) -> None:
    """Least and greatest number, every category, a null where there is one, nothing else."""
    plain = read_plain(write(tmp_path, "3,,car\n1,2.5,bus\n2,-1,\n4,0,tram\n"))
    assert plain is not None
    held = {name: set(column) for name, column in plain.extremes.to_pydict().items()}
    assert held == {
        "ID": {1, 4},
        "AMOUNT": {-1.0, 2.5, None},
        "KIND": {"car", "bus", "tram", None},
    }


def test_no_rows_have_no_extremes(tmp_path: Path) -> None:
    """Nothing is claimed of an empty file."""
    plain = read_plain(write(tmp_path, ""))
    assert plain is not None
    assert plain.extremes.num_rows == 0


def test_categories_beyond_number_are_not_plain(tmp_path: Path) -> None:
    """A column of text that is no category is left to the careful loader."""
    assert read_plain(write(tmp_path, "".join(f"1,2,k{n}\n" for n in range(2000)))) is None


def test_files_are_taken_in_turn(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    """The reader gives the files in their order: plain ones, none for others, none after them."""
    odd, plain = tmp_path / "odd", tmp_path / "plain"
    odd.mkdir()
    plain.mkdir()
    files = [write(plain, "1,2,a\n"), write(odd, "x,2,a\n"), RawFile(tmp_path / "no", LOANS)]
    with PlainReader.beside(connection, [*files, files[0]]) as reader:
        assert [reader.take() is None for _ in range(5)] == [False, True, True, False, True]


def test_large_files_are_left_to_spill(tmp_path: Path) -> None:
    """A file beyond half the memory limit is not read into memory that cannot spill."""
    file = write(tmp_path, "1,2,a\n" * 100_000)
    with connect(ResourceSettings(threads=1, memory_limit="1MiB")) as connection:
        assert PlainReader.beside(connection, [file]).take() is None
    with connect(ResourceSettings(threads=1, memory_limit="2MiB")) as connection:
        assert PlainReader.beside(connection, [file]).take() is not None


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    """What cannot be opened is left to the careful loader, which names it."""
    assert read_plain(RawFile(tmp_path, LOANS)) is None


def test_a_name_is_free_again(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    """Dropping a table frees its name, however it was loaded."""
    file = write(tmp_path, "1,2,a\n")
    for plain in (read_plain(file), None, read_plain(file)):
        assert loaded(connection, file, plain) == ["(1, 2.0, 'a')"]


def test_odd_rows_still_get_their_message(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    """After the fast reader gave up, the careful one names line and column."""
    file = write(tmp_path, "1,2,a\n0x1F,2,a\n")
    with pytest.raises(CreditRiskError, match="line 3, column ID holds '0x1F'"):
        loaded(connection, file, read_plain(file))
