"""Rows of a request as Arrow tables of the types that training loads from its files.

Built from buffers: Arrow imports pandas, where it is installed, to convert Python lists. The
columns of one type share their buffers: a table of 120 columns costs little more than one of three.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from creditrisk.contracts.request_cells import Row
from creditrisk.contracts.request_contract import RequestColumn
from creditrisk.contracts.tables import ColumnType


def arrow_table(columns: Sequence[RequestColumn], rows: Sequence[Row]) -> pa.Table:
    """The rows, each with a cell for each of the columns."""
    arrays: dict[str, pa.Array] = {}
    for kind, made in _ARRAYS.items():
        names = [column.name for column in columns if column.type == kind]
        together = made([row[name] for name in names for row in rows])
        for number, name in enumerate(names):
            arrays[name] = together.slice(number * len(rows), len(rows))
    names = [column.name for column in columns]
    return pa.Table.from_arrays([arrays[name] for name in names], names=names)


def _integers(cells: list[Any]) -> pa.Array:
    known = _validity(cells)
    values = cells if known is None else [0 if cell is None else cell for cell in cells]
    buffers = [known, pa.py_buffer(np.array(values, np.int64))]
    return pa.Array.from_buffers(pa.int64(), len(cells), buffers)


def _reals(cells: list[Any]) -> pa.Array:
    buffers = [_validity(cells), pa.py_buffer(np.array(cells, np.float64))]
    return pa.Array.from_buffers(pa.float64(), len(cells), buffers)


def _texts(cells: list[Any]) -> pa.Array:
    encoded = [b"" if cell is None else cell.encode() for cell in cells]
    offsets = np.zeros(len(cells) + 1, np.int32)
    np.cumsum([len(text) for text in encoded], out=offsets[1:])
    texts = pa.py_buffer(b"".join(encoded))
    buffers = [_validity(cells), pa.py_buffer(offsets), texts]
    return pa.Array.from_buffers(pa.string(), len(cells), buffers)


def _validity(cells: list[Any]) -> pa.Buffer | None:
    if None not in cells:
        return None
    known = np.array([cell is not None for cell in cells], np.bool_)
    return pa.py_buffer(np.packbits(known, bitorder="little"))


_ARRAYS: Mapping[ColumnType, Callable[[list[Any]], pa.Array]] = {
    "integer": _integers,
    "real": _reals,
    "category": _texts,
}
