"""Feature tables in files, read chunk by chunk in bounded memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from creditrisk.contracts.tables import APPLICANT_KEY, ColumnType
from creditrisk.scoring.batch.errors import BrokenInput, UnsupportedFile, WrongInputColumns
from creditrisk.scoring.batch.rejects import Reject, shown_value

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

ADDED_COLUMNS = ("decision_id", "probability", "prediction", "decision", "grade", "reasons")
COLUMNS_RULE = "features.columns"
BAD_LINE_RULE = "file.cells"

_CSV_BLOCK_BYTES = 4 << 20
_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
_REQUIRED_CELL: Mapping[ColumnType, str] = {
    "integer": "a whole number",
    "real": "a finite number",
    "category": "text",
}
_LARGEST_INTEGER = 2.0**63


@dataclass(frozen=True, slots=True)
class Chunk:
    """Consecutive rows of a file.

    `rows` are their numbers in the file from 1. `rejects` are of cells and lines that could not be
    read; such a cell is null in `table`, such a line is not in it.
    """

    number: int
    rows: NDArray[np.int64]
    table: pa.Table
    rejects: tuple[Reject, ...] = ()

    @property
    def all_rows(self) -> NDArray[np.int64]:
        """The numbers of all rows, those of lines that could not be read included."""
        bad_lines = [reject.row for reject in self.rejects if reject.rule == BAD_LINE_RULE]
        return np.sort(np.concatenate([self.rows, np.array(bad_lines, np.int64)]))


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns that a contract knows by type, and those of them that must be there."""

    types: Mapping[str, ColumnType]
    required: tuple[str, ...]


class FeatureFile(Protocol):
    """A feature table in a file; `schema` is that of its chunks."""

    @property
    def schema(self) -> pa.Schema:
        """The columns in the file's order, those of the layout in their types."""

    def ids(self) -> Iterator[pa.Array]:
        """The applicants' ids in pieces, null where one cannot be read."""

    def chunks(self, rows: int) -> Iterator[Chunk]:
        """The file in chunks of so many rows; the last may have fewer."""


def open_feature_file(path: Path, shown: str, layout: Layout, *, threads: int) -> FeatureFile:
    """The feature table in a CSV or Parquet file.

    Raises:
        UnsupportedFile: its name ends in neither.
        BrokenInput: it is not what its name says.
        WrongInputColumns: a column is missing, stands there twice, or is of another type.
    """
    if path.suffix.lower() == ".parquet":
        return ParquetFeatures(path, shown, layout, threads=threads)
    if path.suffix.lower() == ".csv":
        return CsvFeatures(path, shown, layout)
    raise UnsupportedFile(shown, "input")


class ParquetFeatures:
    """A feature table in a Parquet file."""

    def __init__(self, path: Path, shown: str, layout: Layout, *, threads: int) -> None:
        from pyarrow import parquet

        self._shown = shown
        self._threaded = threads > 1
        with _told(shown, "a whole Parquet file"):
            self._file = parquet.ParquetFile(path, memory_map=True)
            stored = self._file.schema_arrow.remove_metadata()
        _check_names(stored.names, shown, layout)
        _check_types(stored, shown, layout)
        self._target = _plain_schema(stored, layout)

    @property
    def schema(self) -> pa.Schema:
        """The columns in the file's order."""
        return self._target

    def ids(self) -> Iterator[pa.Array]:
        """The applicants' ids."""
        for batch in self._batches(1 << 20, [APPLICANT_KEY]):
            yield _whole_numbers(batch.column(0))

    def chunks(self, rows: int) -> Iterator[Chunk]:
        """The file in chunks."""
        start = 1
        for number, table in enumerate(_regrouped(self._batches(rows), rows)):
            end = start + table.num_rows
            yield Chunk(number, np.arange(start, end), table.cast(self._target))
            start = end

    def _batches(self, rows: int, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
        with _told(self._shown, "a whole Parquet file"):
            yield from self._file.iter_batches(rows, columns=columns, use_threads=self._threaded)


class CsvFeatures:
    """A feature table in a CSV file: UTF-8, commas, a header; an empty cell is null.

    Every cell is read as text first, so that one that is no number rejects its row alone.
    """

    def __init__(self, path: Path, shown: str, layout: Layout) -> None:
        import pyarrow as pa

        self._path = path
        self._shown = shown
        self._layout = layout
        with self._reader([]) as (reader, _):
            names = reader.schema.names
        _check_names(names, shown, layout)
        stored_as = {"integer": pa.int64(), "real": pa.float64(), "category": pa.string()}
        self._target = pa.schema(
            [(name, stored_as[layout.types.get(name, "category")]) for name in names]
        )

    @property
    def schema(self) -> pa.Schema:
        """The columns in the file's order."""
        return self._target

    def ids(self) -> Iterator[pa.Array]:
        """The applicants' ids."""
        with self._reader([APPLICANT_KEY], only=True) as (reader, _):
            for batch in reader:
                yield _from_text(batch.column(0), "integer")[0]

    def chunks(self, rows: int) -> Iterator[Chunk]:
        """The file in chunks; lines of another number of cells count as rows and are rejected."""
        with self._reader(self._target.names) as (reader, bad_lines):
            start = 1
            bad: list[Reject] = []
            for number, texts in enumerate(_regrouped(reader, rows)):
                bad += bad_lines
                bad_lines.clear()
                numbers = _numbered(start, texts.num_rows, [reject.row for reject in bad])
                start = int(numbers[-1]) + 1
                table, rejects = self._typed(texts, numbers)
                rejects += [reject for reject in bad if reject.row < start]
                bad = [reject for reject in bad if reject.row >= start]
                yield Chunk(number, numbers, table, _in_order(rejects))
            bad += bad_lines
            if bad:  # the file ends with them
                empty = self._target.empty_table()
                yield Chunk(number + 1 if start > 1 else 0, np.arange(0), empty, _in_order(bad))

    def _typed(self, texts: pa.Table, numbers: NDArray[np.int64]) -> tuple[pa.Table, list[Reject]]:
        """The cells in their columns' types, and those that are not of it."""
        import pyarrow as pa

        columns, unreadable = [], {}
        for name, cells in zip(texts.column_names, texts.columns, strict=True):
            values, bad = _from_text(cells.combine_chunks(), self._layout.types.get(name))
            columns.append(values)
            if bad is not None:
                unreadable[name] = bad
        table = pa.table(columns, schema=self._target)
        ids = table.column(APPLICANT_KEY)
        rejects = [
            Reject(
                row=int(numbers[place]),
                sk_id_curr=ids[place].as_py(),
                rule=COLUMNS_RULE,
                column=name,
                seen=shown_value(texts.column(name)[place].as_py()),
                required=_REQUIRED_CELL[self._layout.types[name]],
            )
            for name, bad in unreadable.items()
            for place in np.flatnonzero(bad).tolist()
        ]
        return table, rejects

    @contextmanager
    def _reader(
        self, columns: Sequence[str], *, only: bool = False
    ) -> Iterator[tuple[Any, list[Reject]]]:
        """A reader of text batches, and the list that it puts lines of other lengths on."""
        import pyarrow as pa
        from pyarrow import csv

        bad_lines: list[Reject] = []

        def skip(line: Any) -> str:
            bad_lines.append(
                Reject(
                    row=line.number - 1,  # the header is the reader's row 1
                    sk_id_curr=None,
                    rule=BAD_LINE_RULE,
                    column=None,
                    seen=f"{line.actual_columns} cells",
                    required=f"{line.expected_columns} cells, as the header has",
                )
            )
            return "skip"

        with _told(self._shown, "CSV in UTF-8 with commas and a header"):
            reader = csv.open_csv(
                self._path,
                # One thread: only then does the reader count its rows.
                read_options=csv.ReadOptions(use_threads=False, block_size=_CSV_BLOCK_BYTES),
                parse_options=csv.ParseOptions(newlines_in_values=True, invalid_row_handler=skip),
                convert_options=csv.ConvertOptions(
                    column_types=dict.fromkeys(columns, pa.string()),
                    include_columns=columns if only else None,
                    null_values=[""],
                    strings_can_be_null=True,
                ),
            )
            with reader:
                yield reader, bad_lines


@contextmanager
def _told(shown: str, required: str) -> Iterator[None]:
    """Say in our words that a file cannot be read."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise BrokenInput(shown, str(error).splitlines()[0].rstrip("."), required) from error
    except OSError as error:  # Arrow says so of damaged pages
        raise BrokenInput(shown, str(error).splitlines()[0].rstrip("."), required) from error


def _check_names(names: Sequence[str], shown: str, layout: Layout) -> None:
    present = Counter(names)
    problems = {
        "missing": [name for name in layout.required if name not in present],
        "there more than once": [name for name, count in present.items() if count > 1],
        "a name that the answers have": [name for name in ADDED_COLUMNS if name in present],
    }
    if any(problems.values()):
        raise WrongInputColumns(shown, problems)


def _check_types(stored: pa.Schema, shown: str, layout: Layout) -> None:
    wrong = [
        f"{field.name} is stored as {field.type}, required is {_REQUIRED_CELL[layout.types[field.name]]}"
        for field in stored
        if field.name in layout.types and not _fits(field.type, layout.types[field.name])
    ]
    if wrong:
        raise WrongInputColumns(shown, {"of another type": wrong})


def _fits(stored: pa.DataType, kind: ColumnType) -> bool:
    from pyarrow import types

    if types.is_null(stored):
        return True
    if kind == "category":
        values = stored.value_type if types.is_dictionary(stored) else stored
        return bool(
            types.is_string(values) or types.is_large_string(values) or types.is_string_view(values)
        )
    return bool(types.is_integer(stored) or types.is_floating(stored) or types.is_decimal(stored))


def _plain_schema(stored: pa.Schema, layout: Layout) -> pa.Schema:
    """The stored types but for those that only say the same in another way."""
    import pyarrow as pa
    from pyarrow import types

    if_null = {"integer": pa.int64(), "real": pa.float64(), "category": pa.string()}

    def plain(field: pa.Field) -> pa.DataType:
        if field.name not in layout.types:
            return field.type
        if types.is_null(field.type):
            return if_null[layout.types[field.name]]
        if types.is_decimal(field.type) or types.is_float16(field.type):
            return pa.float64()
        return pa.string() if types.is_string_view(field.type) else field.type

    return pa.schema([(field.name, plain(field)) for field in stored])


def _regrouped(batches: Iterator[pa.RecordBatch], rows: int) -> Iterator[pa.Table]:
    """The same rows in tables of so many, each in one piece."""
    import pyarrow as pa

    waiting: list[pa.RecordBatch] = []
    count = 0
    for batch in batches:
        if batch.num_rows == 0:
            continue
        waiting.append(batch)
        count += batch.num_rows
        while count >= rows:
            table = pa.Table.from_batches(waiting)
            yield table.slice(0, rows).combine_chunks()
            waiting = table.slice(rows).to_batches()
            count -= rows
    if count:
        yield pa.Table.from_batches(waiting).combine_chunks()


def _numbered(start: int, count: int, bad: Sequence[int]) -> NDArray[np.int64]:
    """The numbers of so many good rows from `start` on, past the bad ones between them."""
    numbers = np.arange(start, start + count)
    for row in sorted(bad):
        numbers[numbers >= row] += 1
    return numbers


def _in_order(rejects: list[Reject]) -> tuple[Reject, ...]:
    return tuple(sorted(rejects, key=lambda reject: reject.row))


def _whole_numbers(values: pa.Array) -> pa.Array:
    """Numbers as integers, null where one is not whole."""
    import pyarrow as pa
    from pyarrow import types

    if types.is_integer(values.type) or types.is_null(values.type):
        return values.cast(pa.int64(), safe=False)
    return _as_integers(values.cast(pa.float64()))[0]


def _as_integers(numbers: pa.Array) -> tuple[pa.Array, NDArray[np.bool_]]:
    import pyarrow as pa

    plain = numbers.fill_null(0).to_numpy()
    with np.errstate(invalid="ignore"):
        bad = (plain != np.trunc(plain)) | ~(np.abs(plain) < _LARGEST_INTEGER)
    whole = np.where(bad, 0, plain).astype(np.int64)
    return pa.array(whole, mask=bad | _is_null(numbers)), bad


def _from_text(
    cells: pa.Array, kind: ColumnType | None
) -> tuple[pa.Array, NDArray[np.bool_] | None]:
    """Text as values of a column, null where it is none, and where that is, if anywhere."""
    if kind in {None, "category"}:
        return cells, None
    numbers, bad = _finite_numbers(cells)
    if kind == "integer":
        numbers, not_whole = _as_integers(numbers)
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
    bad: NDArray[np.bool_] = ~np.isfinite(values) & ~_is_null(cells)
    return (pa.array(values, mask=bad | _is_null(cells)) if bad.any() else numbers), bad


def _is_null(values: pa.Array) -> NDArray[np.bool_]:
    nulls: NDArray[np.bool_] = values.is_null().to_numpy(zero_copy_only=False)
    return nulls
