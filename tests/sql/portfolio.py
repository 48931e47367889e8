"""Builders of small portfolios and of the feature rows that the SQL makes of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import duckdb
import pyarrow as pa

from creditrisk.contracts.tables import Column, RawTable, raw_tables
from creditrisk.features.queries import FEATURE_TABLES, JOIN, prepare, query

Row = Mapping[str, Any]
Rows = list[dict[str, Any]]
ARROW_TYPES = {"integer": pa.int64(), "real": pa.float64(), "category": pa.string()}


def filled(table: str, **values: Any) -> dict[str, Any]:
    """A row of a raw table: `values`, else null where nulls are legal, else something legal."""
    row = {column.name: default(column) for column in raw_tables()[table].columns}
    assert values.keys() <= row.keys()
    return row | values


def default(column: Column) -> Any:
    if column.nullable:
        return None
    if column.type == "category":
        return column.categories[0]
    value = column.minimum or 0
    return int(value) if column.type == "integer" else float(value)


def connection_over(tables: Mapping[str, Iterable[Row]]) -> duckdb.DuckDBPyConnection:
    """The connection of this process, its raw relations now small Arrow tables, as in one request.

    Rows are given with the columns that matter; tables that are not named are empty.
    """
    connection = request_connection()
    for table in raw_tables().values():
        rows = [filled(table.name, **row) for row in tables.get(table.name, ())]
        connection.register(f"given_{table.name}", arrow_table(table, rows))
    return connection


@cache
def request_connection() -> duckdb.DuckDBPyConnection:
    """A one-thread connection with the feature SQL as views over Arrow tables yet to be given."""
    connection = duckdb.connect(config={"threads": 1})
    prepare(connection)
    for table in raw_tables().values():
        connection.register(f"given_{table.name}", arrow_table(table, []))
        connection.execute(f"create view raw.{table.name} as from given_{table.name}")
    for name in FEATURE_TABLES:
        connection.execute(f"create view features.{name} as {query(name)}")
    return connection


def arrow_table(table: RawTable, rows: Rows) -> pa.Table:
    fields = [(column.name, ARROW_TYPES[column.type]) for column in table.columns]
    return pa.Table.from_pylist(rows, schema=pa.schema(fields))


def rows_of(name: str, **tables: Iterable[Row]) -> Rows:
    """The rows that `sql/<name>.sql` makes of a portfolio, in key order."""
    relation = connection_over(tables).sql(query(name)).order("SK_ID_CURR")
    rows: Rows = relation.to_arrow_table().to_pylist()
    return rows


def feature_rows(tables: Mapping[str, Iterable[Row]]) -> Rows:
    """The rows of the feature table of a portfolio, all SQL files planned as one query."""
    rows: Rows = connection_over(tables).sql(query(JOIN)).to_arrow_table().to_pylist()
    return rows
