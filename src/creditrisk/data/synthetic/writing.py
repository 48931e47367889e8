"""Column sets as CSV, written the way the data model's own files are."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv

from creditrisk.contracts.tables import Column, RawTable
from creditrisk.data.synthetic.columns import NOT_APPLICABLE_DAYS, Categories, ColumnSet, Values
from creditrisk.data.synthetic.randomness import FloatArray, IntArray

# A label with a comma is written in quotes. Arrow either quotes every text or none, so commas and
# quotes of labels travel as two control characters and are put right in the written bytes.
_COMMA, _QUOTE = "\x1e", "\x1f"
_RESTORE = bytes.maketrans(f"{_COMMA}{_QUOTE}".encode(), b',"')
_OPTIONS = pa_csv.WriteOptions(include_header=False, quoting_style="none", batch_size=16_384)

# Real columns that hold whole numbers, and the range of values for which their text is at hand.
_WHOLE_PREFIXES = ("DAYS_", "CNT_", "NUM_", "NFLAG_", "OBS_", "DEF_", "OWN_CAR", "AMT_REQ_")
_LOWEST_WHOLE, _HIGHEST_WHOLE = -42_100, 31_300


def header_line(table: RawTable) -> bytes:
    """The first line of a table's file."""
    return (",".join(table.column_names) + "\n").encode()


def write_rows(stream: BinaryIO, table: RawTable, columns: ColumnSet) -> int:
    """Append a column set's rows to a CSV stream, without a header.

    Returns:
        The number of rows.
    """
    arrays = [_to_arrow(column, columns[column.name]) for column in table.columns]
    arrow = pa.table(arrays, names=list(table.column_names))
    buffer = pa.BufferOutputStream()
    pa_csv.write_csv(arrow, buffer, _OPTIONS)
    content = buffer.getvalue()
    quoted = any("," in label for column in table.columns for label in column.categories)
    stream.write(content.to_pybytes().translate(_RESTORE) if quoted else memoryview(content))
    return int(arrow.num_rows)


def write_truth(path: Path, columns: Mapping[str, FloatArray | IntArray]) -> None:
    """Write true probabilities as parquet."""
    import pyarrow.parquet as pq

    pq.write_table(pa.table(columns), path, compression="zstd")


def _to_arrow(column: Column, values: Values) -> pa.Array:
    if isinstance(values, Categories):
        return _dictionary(values.codes, _text_of(values.labels))
    if column.type == "integer":
        return pa.array(values)
    if column.name.startswith(_WHOLE_PREFIXES):
        return _whole(np.asarray(values, dtype=np.float64))
    return pa.array(values, from_pandas=True)


def _dictionary(codes: IntArray, labels: pa.Array) -> pa.Array:
    indices = pa.array(codes.astype(np.int32), mask=codes < 0)
    return pa.DictionaryArray.from_arrays(indices, labels)


@cache
def _text_of(labels: tuple[str, ...]) -> pa.Array:
    return pa.array([_quoted(label) for label in labels])


def _quoted(label: str) -> str:
    if "," not in label:
        return label
    return f"{_QUOTE}{label.replace(',', _COMMA)}{_QUOTE}"


def _whole(values: FloatArray) -> pa.Array:
    """Whole numbers of a real column, written with a decimal as in the original: -1180.0."""
    index = np.where(values == NOT_APPLICABLE_DAYS, _HIGHEST_WHOLE + 1, values) - _LOWEST_WHOLE
    return _dictionary(np.nan_to_num(index, nan=-1).astype(np.int64), _whole_texts())


@cache
def _whole_texts() -> pa.Array:
    numbers = [*range(_LOWEST_WHOLE, _HIGHEST_WHOLE + 1), NOT_APPLICABLE_DAYS]
    return pa.array([f"{number}.0" for number in numbers])
