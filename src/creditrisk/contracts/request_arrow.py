"""Rows of a request as Arrow tables of the types that training loads from its files.

Built from buffers: Arrow imports pandas, where it is installed, to convert Python lists.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from creditrisk.contracts.request_cells import Row
from creditrisk.contracts.request_contract import RequestColumn
from creditrisk.contracts.tables import ColumnType

_TYPES: Mapping[ColumnType, pa.DataType] = {
    "integer": pa.int64(),
    "real": pa.float64(),
    "category": pa.string(),
}


def arrow_table(columns: Sequence[RequestColumn], rows: Sequence[Row]) -> pa.Table:
    """The rows, each with a cell for each of the columns."""
    arrays = [_array(column.type, [row[column.name] for row in rows]) for column in columns]
    return pa.Table.from_arrays(arrays, names=[column.name for column in columns])


def _array(kind: ColumnType, cells: list[Any]) -> pa.Array:
    if kind == "category":
        return _texts(cells)
    missing = None in cells
    values = np.array([0 if cell is None else cell for cell in cells] if missing else cells)
    values = values.astype(np.int64 if kind == "integer" else np.float64, copy=False)
    buffers = [_validity(cells) if missing else None, pa.py_buffer(values)]
    return pa.Array.from_buffers(_TYPES[kind], len(cells), buffers)


def _texts(cells: list[Any]) -> pa.Array:
    encoded = [b"" if cell is None else cell.encode() for cell in cells]
    offsets = np.zeros(len(cells) + 1, np.int32)
    np.cumsum([len(text) for text in encoded], out=offsets[1:])
    validity = _validity(cells) if None in cells else None
    buffers = [validity, pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded))]
    return pa.Array.from_buffers(_TYPES["category"], len(cells), buffers)


def _validity(cells: list[Any]) -> pa.Buffer:
    known = np.array([cell is not None for cell in cells], np.bool_)
    return pa.py_buffer(np.packbits(known, bitorder="little"))
