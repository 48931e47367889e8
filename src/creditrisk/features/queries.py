"""The feature SQL: which files there are, in which order they run, what they hold."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

# Each names a file under `sql/` and, there, one table of schema `features`. The order is that of
# the columns in the feature table.
FEATURE_TABLES = (
    "application",
    "application_nulls",
    "bureau",
    "bureau_balance",
    "previous_application",
    "installments_payments",
    "credit_card_balance",
    "pos_cash_balance",
)
MACROS = "macros"
JOIN = "feature_store"
SQL_FILES = (MACROS, *FEATURE_TABLES, JOIN)


@cache
def query(name: str) -> str:
    """The text of `sql/<name>.sql`."""
    return files("creditrisk.features").joinpath(f"sql/{name}.sql").read_text(encoding="utf-8")


def prepare(connection: duckdb.DuckDBPyConnection) -> None:
    """Give a new connection what the queries rely on: schemas `raw` and `features`, the macros."""
    connection.execute("create schema if not exists raw")
    connection.execute("create schema if not exists features")
    connection.execute(query(MACROS))
