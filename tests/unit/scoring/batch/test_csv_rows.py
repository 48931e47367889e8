"""Rows of CSV files as bytes."""

from __future__ import annotations

import csv
import io
import random
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv as arrow_csv

from creditrisk.scoring.batch import csv_rows
from creditrisk.scoring.batch.csv_rows import Rows, UnendedRow, row_groups

CELLS = ("1", "", "a b", "x,y", 'say "no"', "two\nlines", "three\r\n\r\nlines", '"', "\n")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where a test's file lies."""
    return tmp_path / "rows.csv"


def rows_of(path: Path, rows: int = 1_000) -> list[bytes]:
    """The rows after the header, which stands alone in its group."""
    header, *groups = row_groups(path, rows)
    assert len(header) == 1
    assert all(len(group) == rows for group in groups[:-1])
    return [text for group in groups for text in group.texts().to_pylist()]


def random_rows(seed: int, count: int = 60) -> list[list[str]]:
    draw = random.Random(seed)  # noqa: S311  # no secret
    return [[draw.choice(CELLS) for _ in range(3)] + ["end"] for _ in range(count)]


@pytest.mark.parametrize("block", [1, 7, 64, 4 << 20])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_rows_are_those_that_were_written(
    file: Path, monkeypatch: pytest.MonkeyPatch, block: int, line_end: str
) -> None:
    """Quotes, commas and line ends in cells are the cells' own, wherever a block ends."""
    monkeypatch.setattr(csv_rows, "_BLOCK_BYTES", block)
    written = random_rows(seed=block)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator=line_end, quoting=csv.QUOTE_ALL)
    writer.writerows([["a", "b", "c", "d"], *written])
    file.write_bytes(text.getvalue().encode())
    seen = [row.decode() for row in rows_of(file, 7)]
    assert [next(csv.reader(io.StringIO(row, newline=""))) for row in seen] == written
    assert line_end.join(['"a","b","c","d"', *seen, ""]).encode() == file.read_bytes()


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("block", [5, 4 << 20])
def test_rows_of_any_text_are_arrow_s(
    file: Path, monkeypatch: pytest.MonkeyPatch, seed: int, block: int
) -> None:
    """Whatever stands in a file, its rows are those that its cells are read from."""
    monkeypatch.setattr(csv_rows, "_BLOCK_BYTES", block)
    draw = random.Random(seed)  # noqa: S311  # no secret
    content = "".join(draw.choices('a",\n\r', weights=(4, 3, 2, 1, 0.3), k=80)).encode()
    file.write_bytes(b"h\n" + content)
    try:
        found = rows_of(file)
    except UnendedRow:
        found = rows_of_closed(file, content)
    assert found == rows_by_arrow(file.read_bytes())


def rows_of_closed(file: Path, content: bytes) -> list[bytes]:
    """The rows where the quote that is open at the end is closed."""
    file.write_bytes(b"h\n" + content + b'"\n')
    return rows_of(file)


def rows_by_arrow(content: bytes) -> list[bytes]:
    """Each row as Arrow tells it of a line with another number of cells than 99."""
    texts: list[bytes] = []

    def keep(line: arrow_csv.InvalidRow) -> str:
        texts.append(line.text.encode())
        return "skip"

    arrow_csv.read_csv(
        pa.BufferReader(content.partition(b"\n")[2] or b"\n"),
        read_options=arrow_csv.ReadOptions(
            use_threads=False, column_names=[str(n) for n in range(99)]
        ),
        parse_options=arrow_csv.ParseOptions(newlines_in_values=True, invalid_row_handler=keep),
    )
    return texts


@pytest.mark.parametrize("content", [b'h\n1,"2\n3,4\n', b'h\n1,"2""', b'h\n1,x\n"'])
def test_a_quote_that_is_never_closed_is_no_row(file: Path, content: bytes) -> None:
    """What would swallow the rest of the file is refused."""
    file.write_bytes(content)
    with pytest.raises(UnendedRow):
        rows_of(file)


def test_a_row_has_a_longest_length(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An open quote does not read a whole file into memory."""
    monkeypatch.setattr(csv_rows, "_BLOCK_BYTES", 100)
    monkeypatch.setattr(csv_rows, "_LONGEST_ROW_BYTES", 1_000)
    file.write_bytes(b'h\n"' + b"a,1\n" * 1_000)
    with pytest.raises(UnendedRow):
        rows_of(file)


@pytest.mark.parametrize(
    ("content", "required"),
    [
        (b"h", []),
        (b"\n\nh\n\n1\n\r\n2", [b"1", b"2"]),
        (b"\xef\xbb\xbfh\r\n1\r\n", [b"1"]),
    ],
)
def test_what_is_no_row_is_left_out(file: Path, content: bytes, required: list[bytes]) -> None:
    """A mark of the byte order, empty lines and a missing last line end change no row."""
    file.write_bytes(content)
    assert rows_of(file) == required
    assert bytes(next(row_groups(file, 1)).data) == b"h"


def test_chosen_rows_keep_their_bytes() -> None:
    """Rows that are left out leave nothing behind."""
    rows = Rows(memoryview(b"ab\ncd\r\nef"), np.array([0, 3, 7]), np.array([2, 5, 9]))
    assert rows.only(np.array([True, False, True])).texts().to_pylist() == [b"ab", b"ef"]
    assert rows.part(1, 3).texts().to_pylist() == [b"cd", b"ef"]
    assert rows.only(np.array([], np.int64)).texts().to_pylist() == []
