"""Raw files that are plainly written, read by Arrow at half the cost of a load into DuckDB.

Arrow takes a few spellings that `load_table` refuses, and refuses some that it takes. A file with
either is not plain: `load_table` then reads it with all its care, and accepts it or says what is
wrong where.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Self

from creditrisk.contracts.tables import Column, RawTable
from creditrisk.data.engine import memory_limit_of

if TYPE_CHECKING:
    from types import TracebackType

    import duckdb
    import pyarrow as pa

_BLOCK_BYTES = 4 << 20
_EXACT_INTEGERS = 2**53  # beyond, `load_table` rounds as doubles do
_MOST_CATEGORIES = 1000  # no column of a contract has a tenth of them
_CELL_EDGES = (b",", b"\n")


class _NotPlain(Exception):
    """The file holds something that Arrow would read otherwise than `load_table`."""


@dataclass(frozen=True, slots=True)
class RawFile:
    """A file with the table that it must hold and the further columns that it must have."""

    path: Path
    table: RawTable
    extra_columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PlainRows:
    """The rows of a plain file, its columns in the order of the table.

    `extremes` are a few rows with each column's least and greatest number or all its categories,
    and a null where it has one: a rule about one column that they keep is kept by all rows.
    """

    rows: pa.Table
    extremes: pa.Table


def read_plain(file: RawFile, threads: int | None = None) -> PlainRows | None:
    """The rows of the file, or None where it takes `load_table` to judge it."""
    import pyarrow as pa

    names = [*file.table.column_names, *file.extra_columns]
    try:
        rows = _read(file, threads)
        if sorted(rows.column_names) != sorted(names):
            return None
        return PlainRows(rows.select(names), _extremes(rows, file.table.columns))
    except (pa.ArrowException, OSError, UnicodeDecodeError, _NotPlain):
        return None


class PlainReader:
    """Reads files one after another, each while the caller still works on the one before.

    Two of them are in memory at a time, beside what DuckDB holds and unable to spill; so a file of
    more than `most_bytes` is left to `load_table`.
    """

    def __init__(
        self, files: Sequence[RawFile], *, threads: int | None = None, most_bytes: float = math.inf
    ) -> None:
        self._files = iter(files)
        self._threads = threads
        self._most_bytes = most_bytes
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="plain-csv")
        self._ahead = self._start()

    @classmethod
    def beside(cls, connection: duckdb.DuckDBPyConnection, files: Sequence[RawFile]) -> Self:
        """A reader with the connection's number of threads, of files to half its memory limit."""
        (threads,) = connection.execute("select current_setting('threads')").fetchall()[0]
        return cls(files, threads=threads, most_bytes=memory_limit_of(connection) / 2)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._executor.shutdown(cancel_futures=True)

    def take(self) -> PlainRows | None:
        """The next file, as `read_plain` gives it."""
        rows = self._ahead.result() if self._ahead else None
        self._ahead = self._start()
        return rows

    def _start(self) -> Future[PlainRows | None] | None:
        file = next(self._files, None)
        return self._executor.submit(self._read, file) if file else None

    def _read(self, file: RawFile) -> PlainRows | None:
        if not file.path.exists() or file.path.stat().st_size > self._most_bytes:
            return None
        return read_plain(file, self._threads)


def _read(file: RawFile, threads: int | None) -> pa.Table:
    import pyarrow as pa
    from pyarrow import csv

    if threads is not None:
        pa.set_cpu_count(threads)
    types = {
        "integer": pa.int64(),
        "real": pa.float64(),
        "category": pa.dictionary(pa.int32(), pa.string()),
    }
    declared = {column.name: types[column.type] for column in file.table.columns}
    declared |= dict.fromkeys(file.extra_columns, pa.string())
    with file.path.open("rb", buffering=0) as stream:
        return csv.read_csv(
            _WatchedFile(stream),
            read_options=csv.ReadOptions(block_size=_BLOCK_BYTES, use_threads=threads != 1),
            convert_options=csv.ConvertOptions(
                column_types=declared, null_values=[""], strings_can_be_null=True
            ),
            # Arrow's own pool gives memory back after each file, only to fault it in again.
            memory_pool=pa.system_memory_pool(),
        )


class _WatchedFile(io.RawIOBase):
    """A file of which each block is looked at before Arrow gets it.

    Refused are carriage returns, quotes other than around a whole cell of one line, and integers in
    hexadecimal.
    """

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__()
        self._stream = stream
        self._line = b"\n"  # the unfinished line at the end of the block before

    def readable(self) -> bool:
        """Always: Arrow asks."""
        return True

    def read(self, size: int = -1) -> bytes:
        """The next block.

        Raises:
            _NotPlain: it holds what Arrow would read otherwise.
        """
        block = self._stream.read(size)
        if b"\r" in block or _has_hexadecimal(self._line[-1:], block):
            raise _NotPlain
        end = block.rfind(b"\n") if block else 0
        if end < 0:
            self._line += block
            return block
        if b'"' in self._line or b'"' in block:
            _refuse_odd_quotes(self._line + (block[:end] + b"\n"))
        self._line = block[end:]
        return block


def _has_hexadecimal(before: bytes, block: bytes) -> bool:
    import numpy as np

    if b"x" not in block and b"X" not in block:
        return False
    characters = np.frombuffer(before + block, dtype=np.uint8)
    after_zero = (characters[:-1] == ord("0")) & ((characters[1:] | 0x20) == ord("x"))
    return bool(after_zero.any())


def _refuse_odd_quotes(lines: bytes) -> None:
    """Raise unless each pair of quotes encloses a cell; `lines` has a line end on both sides."""
    parts = lines.split(b'"')
    outside, inside = parts[::2], parts[1::2]
    if (
        len(outside) == len(inside)
        or not all(part.endswith(_CELL_EDGES) for part in outside[:-1])
        or not all(part.startswith(_CELL_EDGES) for part in outside[1:])
        or any(b"\n" in part for part in inside)
    ):
        raise _NotPlain


def _extremes(rows: pa.Table, columns: Sequence[Column]) -> pa.Table:
    import pyarrow as pa

    types = {"integer": pa.int64(), "real": pa.float64(), "category": pa.string()}
    values = {column.name: _extreme_values(rows.column(column.name), column) for column in columns}
    height = max(map(len, values.values()))
    return pa.table(
        {
            column.name: pa.array(_filled(values[column.name], height), types[column.type])
            for column in columns
        }
    )


def _extreme_values(cells: pa.ChunkedArray, column: Column) -> list[Any]:
    values: set[Any] = set(
        _categories(cells) if column.type == "category" else _bounds(cells, column.type)
    )
    if len(values) > _MOST_CATEGORIES:
        raise _NotPlain
    return [*sorted(values), *([None] if cells.null_count else [])]


def _categories(cells: pa.ChunkedArray) -> Iterator[str]:
    for chunk in cells.chunks:
        yield from chunk.dictionary.to_pylist()


def _bounds(cells: pa.ChunkedArray, kind: str) -> tuple[float, ...]:
    """The least and the greatest number.

    Raises:
        _NotPlain: `load_table` would refuse or round a number.
    """
    from pyarrow import compute

    if cells.null_count == len(cells):
        return ()
    low, high = compute.min_max(cells).as_py().values()
    if kind == "integer":
        exact = low > -_EXACT_INTEGERS and high < _EXACT_INTEGERS
    else:  # minima and maxima pass over NaN, a sum does not
        exact = math.isfinite(compute.sum(cells).as_py())
    if not exact:
        raise _NotPlain
    return low, high


def _filled(values: list[Any], height: int) -> list[Any]:
    return values + values[-1:] * (height - len(values))
