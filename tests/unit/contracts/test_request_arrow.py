"""The tables of a request are those that training loads from its files, to the last bit."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from creditrisk.contracts.request_arrow import arrow_table
from creditrisk.contracts.request_contract import RequestColumn
from creditrisk.contracts.tables import TARGET, raw_tables
from creditrisk.core.settings import SyntheticSettings
from creditrisk.data.synthetic import generate_portfolio
from payloads import application_payload, raw_connection, raw_rows, request_checks

COLUMNS = tuple(
    RequestColumn(name=kind, type=kind, description=None, rules=())
    for kind in ("integer", "real", "category")
)


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    """The raw tables of 150 generated applicants, as training loads them."""
    folder: Path = tmp_path_factory.mktemp("portfolio")
    settings = SyntheticSettings(applicants=150, seed=5)
    generate_portfolio(folder / "raw", folder / "truth", settings, threads=1)
    return raw_connection(folder / "raw")


def test_generated_applications_come_through_unchanged(raw: duckdb.DuckDBPyConnection) -> None:
    """Rows that were loaded, nested, posted and checked are the rows that were loaded."""
    ids = [key for (key,) in raw.execute("select SK_ID_CURR from application").fetchall()]
    content = json.dumps(application_payload(raw, ids)).encode()
    request = request_checks().applications(content)
    assert request.ids == tuple(ids)
    expected = raw_rows(raw, ids)
    for name, table in request.tables.items():
        posted = sorted(table.to_pylist(), key=repr)
        assert posted == sorted(expected[name], key=repr)


def test_types_are_those_of_loaded_tables(raw: duckdb.DuckDBPyConnection) -> None:
    """Columns, their order and their types are those of the files, outcome apart."""
    request = request_checks().applications(json.dumps(request_checks().contract.example).encode())
    for name, table in request.tables.items():
        loaded = raw.table(name).to_arrow_table().schema
        columns = [c for c in raw_tables()[name].column_names if c != TARGET]
        assert table.schema.names == columns
        assert table.schema.types == [loaded.field(column).type for column in columns]


@pytest.mark.parametrize("rows", [0, 1, 7, 8, 9, 200])
def test_every_cell_finds_its_place(rows: int) -> None:
    """Nulls, empty rows and texts of any length and alphabet, at any number of rows."""
    cells = [
        {
            "integer": None if number % 3 == 0 else -(2**53) + number,
            "real": None if number % 5 == 1 else number / 7,
            "category": None if number % 4 == 2 else "gr\xfcn" * (number % 6),
        }
        for number in range(rows)
    ]
    table = arrow_table(COLUMNS, cells)
    table.validate(full=True)
    assert table.to_pylist() == cells
    assert table.schema.types == [pa.int64(), pa.float64(), pa.string()]
    with duckdb.connect() as connection:
        connection.register("cells", table)
        found = connection.execute("select * from cells").fetchall()
    assert found == [tuple(row.values()) for row in cells]
