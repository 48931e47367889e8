"""Names, columns, types and keys of the seven raw tables of the Home Credit data model.

The facts stand in `raw_columns.csv` beside this module. Everything that reads or writes a raw
table (loader, contracts, generator, API payloads, docs) takes them from here.

`minimum` and `maximum` are bounds of plausibility, well beyond the extremes of the full public
files: 43,800 days are 120 years, identifiers reach to where a double stops being exact. They catch
a wrong unit, sign or column, not a rare customer. A column is nullable where real files have even
a handful of nulls.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import groupby
from types import MappingProxyType
from typing import Literal, cast

ColumnType = Literal["integer", "real", "category"]

TARGET = "TARGET"
APPLICANT_KEY = "SK_ID_CURR"


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its type and the values that a contract accepts in it."""

    name: str
    type: ColumnType
    nullable: bool
    minimum: float | None = None
    maximum: float | None = None
    categories: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RawTable:
    """One raw table, named as its file without the ending; columns in file order.

    `key` is the set of columns that is unique by contract, empty where real data has none.
    """

    name: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]

    @property
    def column_names(self) -> tuple[str, ...]:
        """The column names in file order."""
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column:
        """The column of that name; StopIteration where the table has none."""
        return next(column for column in self.columns if column.name == name)


KEYS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "application": ("SK_ID_CURR",),
        "bureau": ("SK_ID_BUREAU",),
        "bureau_balance": ("SK_ID_BUREAU", "MONTHS_BALANCE"),
        "previous_application": ("SK_ID_PREV",),
        "POS_CASH_balance": ("SK_ID_PREV", "MONTHS_BALANCE"),
        "installments_payments": (),
        "credit_card_balance": ("SK_ID_PREV", "MONTHS_BALANCE"),
    }
)

# The seven files of a labelled snapshot, each with the table it holds. `application_test.csv` and
# the monthly production pulls hold `application` too, without TARGET.
RAW_FILES: Mapping[str, str] = MappingProxyType(
    {
        "application_train.csv": "application",
        "bureau.csv": "bureau",
        "bureau_balance.csv": "bureau_balance",
        "previous_application.csv": "previous_application",
        "POS_CASH_balance.csv": "POS_CASH_balance",
        "installments_payments.csv": "installments_payments",
        "credit_card_balance.csv": "credit_card_balance",
    }
)


@cache
def raw_tables() -> Mapping[str, RawTable]:
    """The seven tables by name, in the order in which the data model lists them."""
    text = files("creditrisk.contracts").joinpath("raw_columns.csv").read_text(encoding="utf-8")
    tables = {
        name: RawTable(name=name, key=KEYS[name], columns=tuple(map(_column, rows)))
        for name, rows in groupby(csv.DictReader(text.splitlines()), key=lambda row: row["table"])
    }
    return MappingProxyType(tables)


def without_target(table: RawTable) -> RawTable:
    """The same table as it comes for applicants whose outcome is not known."""
    columns = tuple(column for column in table.columns if column.name != TARGET)
    return RawTable(name=table.name, key=table.key, columns=columns)


def _column(row: dict[str, str]) -> Column:
    return Column(
        name=row["column"],
        type=cast("ColumnType", row["type"]),
        nullable=row["nullable"] == "yes",
        minimum=float(row["minimum"]) if row["minimum"] else None,
        maximum=float(row["maximum"]) if row["maximum"] else None,
        categories=tuple(row["categories"].split("|")) if row["categories"] else (),
    )
