"""Column sets as CSV."""

from __future__ import annotations

import io

import numpy as np

from creditrisk.contracts.tables import Column, RawTable
from creditrisk.data.synthetic.columns import Categories, ColumnSet
from creditrisk.data.synthetic.writing import header_line, write_rows

TABLE = RawTable(
    name="sample",
    key=(),
    columns=(
        Column("SK_ID", "integer", nullable=False),
        Column("NAME", "category", nullable=True, categories=("Stone, brick", "Panel")),
        Column("DAYS_X", "real", nullable=True),
        Column("AMT_X", "real", nullable=True),
    ),
)
COLUMNS: ColumnSet = {
    "AMT_X": np.array([0.1, 202500.0, np.nan]),
    "DAYS_X": np.array([-1180.0, 365243.0, np.nan]),
    "NAME": Categories(np.array([0, 1, -1]), ("Stone, brick", "Panel")),
    "SK_ID": np.array([100002, 100003, 100004]),
}


def written(table: RawTable, columns: ColumnSet) -> list[str]:
    """The lines that are written for a column set."""
    stream = io.BytesIO()
    write_rows(stream, table, columns)
    return stream.getvalue().decode().splitlines()


def test_rows_come_in_the_tables_column_order() -> None:
    """Text with a comma is quoted, a null is empty, whole days keep their decimal."""
    assert written(TABLE, COLUMNS) == [
        '100002,"Stone, brick",-1180.0,0.1',
        "100003,Panel,365243.0,202500",
        "100004,,,",
    ]


def test_header_names_the_columns() -> None:
    """The first line is the names in order."""
    assert header_line(TABLE) == b"SK_ID,NAME,DAYS_X,AMT_X\n"


def test_no_rows_write_nothing() -> None:
    """An empty column set leaves the file as it is."""
    empty: ColumnSet = {
        name: values.take(np.zeros(0, int)) if isinstance(values, Categories) else values[:0]
        for name, values in COLUMNS.items()
    }
    assert written(TABLE, empty) == []
