"""The feature SQL: which files there are, in which order they run, what they hold."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

# The files under `sql/` that can run once a raw table is there, in the order of the tables; each
# computes the table of its name in schema `features`.
QUERIES_OF: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "application": ("application", "application_nulls"),
        "bureau": ("bureau",),
        "bureau_balance": ("bureau_balance",),
        "previous_application": ("previous_application",),
        "installments_payments": ("installments_payments",),
        "credit_card_balance": ("credit_card_balance",),
        "POS_CASH_balance": ("pos_cash_balance",),
    }
)
FEATURE_TABLES = tuple(name for names in QUERIES_OF.values() for name in names)
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
