"""A feature table in a CSV file: UTF-8, commas, a header; an empty cell is null."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from creditrisk.contracts.tables import APPLICANT_KEY, ColumnType
from creditrisk.scoring.batch.csv_rows import Rows, UnendedRow, row_groups
from creditrisk.scoring.batch.errors import BrokenInput
from creditrisk.scoring.batch.feature_file import (
    BAD_LINE_RULE,
    COLUMNS_RULE,
    REQUIRED_CELL,
    Chunk,
    ChunkReader,
    Layout,
    as_integers,
    check_names,
    is_null,
    told,
)
from creditrisk.scoring.batch.rejects import Reject, shown_value

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

_CSV = "CSV in UTF-8 with commas and a header"
_STREAMED_BYTES = 4 << 20
_PARSED_BYTES = 1 << 20
_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"


class CsvFeatures:
    """A feature table in a CSV file.

    Numbers are read as numbers at once. A chunk in which that fails is read as text, so that a cell
    that is no number rejects its row alone.
    """

    def __init__(self, path: Path, shown: str, layout: Layout) -> None:
        import pyarrow as pa

        self._path = path
        self._shown = shown
        self._layout = layout
        with told(shown, _CSV), self._streamed([]) as reader:
            names = reader.schema.names
        check_names(names, shown, layout)
        stored_as = {"integer": pa.int64(), "real": pa.float64(), "category": pa.string()}
        self._kinds = {name: layout.types.get(name, "category") for name in names}
        self._target = pa.schema([(name, stored_as[kind]) for name, kind in self._kinds.items()])
        self.header: bytes = bytes(next(self._groups(1)).data)

    @property
    def schema(self) -> pa.Schema:
        """The columns in the file's order."""
        return self._target

    @property
    def rows_about(self) -> int:
        """How many rows the file has if all are like the first ones."""
        with self._path.open("rb") as stream:
            head = stream.read(_PARSED_BYTES)
        return self._path.stat().st_size * head.count(b"\n") // len(head)

    def ids(self) -> Iterator[pa.Array]:
        """The applicants' ids."""
        with told(self._shown, _CSV), self._streamed([APPLICANT_KEY]) as reader:
            for batch in reader:
                yield _from_text(batch.column(0), "integer")[0]

    def chunks(self, rows: int) -> Iterator[ChunkReader]:
        """The file in chunks; lines of another number of cells count as rows and are rejected."""
        groups = self._groups(rows)
        next(groups)  # the header
        start = 1
        for number, group in enumerate(groups):
            yield partial(self._chunk, number, start, group)
            start += len(group)

    def _groups(self, rows: int) -> Iterator[Rows]:
        try:
            yield from row_groups(self._path, rows)
        except UnendedRow:
            seen = "a quote is never closed, or a row is longer than 4 MiB"
            raise BrokenInput(self._shown, seen, _CSV) from None

    def _chunk(self, number: int, start: int, group: Rows) -> Chunk:
        with told(self._shown, _CSV):
            table, rejects = self._plain(group, start) or self._cell_by_cell(group, start)
        bad_lines = [r.row - start for r in rejects if r.rule == BAD_LINE_RULE]
        good = np.delete(np.arange(len(group)), bad_lines)
        if len(good) != table.num_rows:
            raise BrokenInput(self._shown, "its rows cannot be told apart", _CSV)
        return Chunk(number, good + start, table, rejects, group.only(good))

    def _plain(self, group: Rows, start: int) -> tuple[pa.Table, tuple[Reject, ...]] | None:
        """The rows where each cell is of its column's type, and lines of other lengths."""
        import pyarrow as pa

        try:
            read, bad_lines = self._parsed(group, start, pa.float64())
            table = read.cast(self._target)
        except pa.ArrowInvalid:
            return None
        return (table, tuple(bad_lines)) if _all_finite(table) else None

    def _cell_by_cell(self, group: Rows, start: int) -> tuple[pa.Table, tuple[Reject, ...]]:
        """The rows with null for each cell that is not of its column's type, told as a reject."""
        import pyarrow as pa

        texts, rejects = self._parsed(group, start, pa.string())
        bad_lines = [reject.row - start for reject in rejects]
        numbers = np.delete(np.arange(len(group)), bad_lines) + start
        read = {
            name: _from_text(texts.column(name).combine_chunks(), kind)
            for name, kind in self._kinds.items()
        }
        table = pa.table([values for values, _ in read.values()], schema=self._target)
        ids = table.column(APPLICANT_KEY)
        rejects += [
            Reject(
                row=int(numbers[place]),
                sk_id_curr=ids[place].as_py(),
                rule=COLUMNS_RULE,
                column=name,
                seen=shown_value(texts.column(name)[place].as_py()),
                required=REQUIRED_CELL[self._kinds[name]],
            )
            for name, (_, bad) in read.items()
            if bad is not None
            for place in np.flatnonzero(bad).tolist()
        ]
        return table, tuple(sorted(rejects, key=lambda reject: reject.row))

    def _parsed(
        self, group: Rows, start: int, number: pa.DataType
    ) -> tuple[pa.Table, list[Reject]]:
        """The cells of some rows, numbers as `number`, and the lines of other lengths."""
        import pyarrow as pa
        from pyarrow import csv

        text = pa.string()
        types = {name: text if k == "category" else number for name, k in self._kinds.items()}
        bad_lines: list[Reject] = []

        def skip(line: Any) -> str:
            bad_lines.append(_bad_line(start + line.number - 1, line))
            return "skip"

        longest = int((group.ends - group.starts).max())
        table = csv.read_csv(
            pa.BufferReader(pa.py_buffer(group.data)),
            read_options=csv.ReadOptions(
                use_threads=False,  # only then does the reader count its rows
                block_size=max(_PARSED_BYTES, 2 * longest),
                column_names=list(types),
            ),
            parse_options=csv.ParseOptions(
                newlines_in_values=not group.in_one_line, invalid_row_handler=skip
            ),
            convert_options=_convert_options(types),
        )
        return table, bad_lines

    @contextmanager
    def _streamed(self, columns: Sequence[str]) -> Iterator[Any]:
        """A reader of the whole file in batches of these columns as text, all where none is named."""
        import pyarrow as pa
        from pyarrow import csv

        with csv.open_csv(
            self._path,
            read_options=csv.ReadOptions(use_threads=False, block_size=_STREAMED_BYTES),
            parse_options=csv.ParseOptions(
                newlines_in_values=True, invalid_row_handler=lambda _: "skip"
            ),
            convert_options=_convert_options(dict.fromkeys(columns, pa.string()), only=columns),
        ) as reader:
            yield reader


def _convert_options(types: Mapping[str, pa.DataType], only: Sequence[str] = ()) -> Any:
    from pyarrow import csv

    return csv.ConvertOptions(
        column_types=types,
        include_columns=only,
        null_values=[""],
        strings_can_be_null=True,
    )


def _bad_line(row: int, line: Any) -> Reject:
    return Reject(
        row=row,
        sk_id_curr=None,
        rule=BAD_LINE_RULE,
        column=None,
        seen=f"{line.actual_columns} cells",
        required=f"{line.expected_columns} cells, as the header has",
    )


def _all_finite(table: pa.Table) -> bool:
    from pyarrow import compute, types

    reals = (column for column in table.columns if types.is_floating(column.type))
    return all(compute.all(compute.is_finite(column)).as_py() is not False for column in reals)


def _from_text(
    cells: pa.Array, kind: ColumnType | None
) -> tuple[pa.Array, NDArray[np.bool_] | None]:
    """Text as values of a column, null where it is none, and where that is, if anywhere."""
    if kind in {None, "category"}:
        return cells, None
    numbers, bad = _finite_numbers(cells)
    if kind == "integer":
        numbers, not_whole = as_integers(numbers)
        bad = bad | not_whole
    return numbers, bad if bad.any() else None


def _finite_numbers(cells: pa.Array) -> tuple[pa.Array, NDArray[np.bool_]]:
    import pyarrow as pa
    from pyarrow import compute

    try:
        numbers = cells.cast(pa.float64())
    except pa.ArrowInvalid:
        trimmed = compute.utf8_trim(cells, " \t")
        is_number = compute.match_substring_regex(trimmed, _NUMBER)
        numbers = compute.if_else(is_number, trimmed, None).cast(pa.float64())
    values = numbers.fill_null(np.nan).to_numpy()
    bad: NDArray[np.bool_] = ~np.isfinite(values) & ~is_null(cells)
    return (pa.array(values, mask=bad | is_null(cells)) if bad.any() else numbers), bad
