"""A feature table in a Parquet file."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from creditrisk.contracts.tables import APPLICANT_KEY, ColumnType
from creditrisk.scoring.batch.errors import WrongInputColumns
from creditrisk.scoring.batch.feature_file import (
    REQUIRED_CELL,
    Chunk,
    ChunkReader,
    Layout,
    check_names,
    told,
    whole_numbers,
)

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray


class ParquetFeatures:
    """A feature table in a Parquet file; it has no `header`."""

    header: None = None

    def __init__(self, path: Path, shown: str, layout: Layout, *, threads: int) -> None:
        from pyarrow import parquet

        self._shown = shown
        self._threaded = threads > 1
        with told(shown, "a whole Parquet file"):
            self._file = parquet.ParquetFile(path, memory_map=True)
            stored = self._file.schema_arrow.remove_metadata()
        check_names(stored.names, shown, layout)
        _check_types(stored, shown, layout)
        self._target = _plain_schema(stored, layout)

    @property
    def schema(self) -> pa.Schema:
        """The columns in the file's order."""
        return self._target

    @property
    def rows_about(self) -> int:
        """How many rows the file has."""
        return int(self._file.metadata.num_rows)

    def ids(self) -> Iterator[pa.Array]:
        """The applicants' ids."""
        for batch in self._batches(1 << 20, [APPLICANT_KEY]):
            yield whole_numbers(batch.column(0))

    def chunks(self, rows: int) -> Iterator[ChunkReader]:
        """The file in chunks."""
        start = 1
        for number, table in enumerate(_regrouped(self._batches(rows), rows)):
            end = start + table.num_rows
            yield partial(self._chunk, number, np.arange(start, end), table)
            start = end

    def _chunk(self, number: int, rows: NDArray[np.int64], table: pa.Table) -> Chunk:
        return Chunk(number, rows, table.cast(self._target))

    def _batches(self, rows: int, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
        with told(self._shown, "a whole Parquet file"):
            yield from self._file.iter_batches(rows, columns=columns, use_threads=self._threaded)


def _check_types(stored: pa.Schema, shown: str, layout: Layout) -> None:
    wrong = [
        f"{field.name} is stored as {field.type}, required is {REQUIRED_CELL[layout.types[field.name]]}"
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
