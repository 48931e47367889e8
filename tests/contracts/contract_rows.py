"""Rows that keep every rule of a contract, and for each rule rows that break it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from creditrisk.contracts.raw_rules import DRAWINGS, INQUIRY_COUNTS, LOAN_DATES
from creditrisk.contracts.tables import APPLICANT_KEY, TARGET, Column, RawTable, raw_tables

if TYPE_CHECKING:
    import duckdb

Row = dict[str, Any]

FEATURES = (
    Column("SHARE", "real", nullable=True, minimum=0, maximum=1),
    Column("RATIO", "real", nullable=False),
    Column("COUNT", "integer", nullable=False, minimum=0, maximum=100),
    Column("KIND", "category", nullable=True, categories=("car", "house")),
)

_ARROW = {"integer": pa.int64(), "real": pa.float64(), "category": pa.string()}
_NOT_A_CATEGORY = "no such category"


def _clean_value(column: Column) -> Any:
    if column.type == "category":
        return column.categories[0] if column.categories else "any"
    low, high = column.minimum, column.maximum
    value = 0.0 if low is None or high is None else min(max(0.0, low), high)
    return int(value) if column.type == "integer" else float(value)


# What a clean row needs beside each column's own facts.
_CLEAN: Mapping[str, Row] = {
    "application": {
        "DAYS_BIRTH": -12_000,
        "DAYS_EMPLOYED": -500,
        "DAYS_REGISTRATION": -4_000.0,
        "DAYS_ID_PUBLISH": -2_000,
        "FLAG_OWN_CAR": "Y",
        "OWN_CAR_AGE": 7.0,
        "CNT_CHILDREN": 0,
        "CNT_FAM_MEMBERS": 2.0,
        "REGION_RATING_CLIENT_W_CITY": 2,
    },
    "bureau": {"CREDIT_ACTIVE": "Active", "DAYS_ENDDATE_FACT": None, "DAYS_CREDIT": -100},
    "bureau_balance": {"MONTHS_BALANCE": 0},
    "previous_application": {},
    "POS_CASH_balance": {"MONTHS_BALANCE": -1},
    "installments_payments": {},
    "credit_card_balance": {"MONTHS_BALANCE": -1},
}


def clean_row(table: str, **values: Any) -> Row:
    """A row that keeps every rule of a raw table, with `values` in it."""
    row = {column.name: _clean_value(column) for column in raw_tables()[table].columns}
    row |= _CLEAN[table]
    assert values.keys() <= row.keys()
    return row | values


def clean_features(**values: Any) -> Row:
    """A row that keeps every rule of the feature table, with `values` in it."""
    row: Row = {APPLICANT_KEY: 100_001, "SHARE": 0.5, "RATIO": -3.0, "COUNT": 2, "KIND": "car"}
    return row | {TARGET: 0} | values


def store(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    columns: Iterable[Column],
    rows: Sequence[Mapping[str, Any]],
) -> None:
    """Make `rows` the DuckDB table `name`, its types those that the loader gives."""
    schema = pa.schema([(column.name, _ARROW[column.type]) for column in columns])
    arrow = pa.Table.from_pylist(list(rows), schema=schema)
    connection.register("arrow_rows", arrow)
    connection.execute(f'create or replace table "{name}" as from arrow_rows')
    connection.unregister("arrow_rows")


def feature_columns() -> tuple[Column, ...]:
    """Every column of the feature table that `clean_features` fills."""
    application = raw_tables()["application"]
    return (application.column(APPLICANT_KEY), *FEATURES, application.column(TARGET))


def breaking_rows(rule: str, table: RawTable) -> list[Row]:
    """Rows of a raw table of which at least one breaks the rule."""
    if rule in BREAKING:
        return [clean_row(table.name, **values) for values in BREAKING[rule]]
    column, values = _broken_cell(rule, table.columns)
    return [clean_row(table.name, **{column: value}) for value in values]


def breaking_features(rule: str) -> list[Row]:
    """Rows of the feature table of which at least one breaks the rule."""
    if rule == "features.unique_applicant":
        return [clean_features()]  # to be stored twice
    column, values = _broken_cell(rule, feature_columns())
    return [clean_features(**{column: value}) for value in values]


def _broken_cell(rule: str, columns: Iterable[Column]) -> tuple[str, list[Any]]:
    """The column of a rule `table.COLUMN.kind`, and the cells that break it."""
    _, name, kind = rule.split(".")
    column = next(column for column in columns if column.name == name)
    values: dict[str, Callable[[], list[Any]]] = {
        "not_null": lambda: [None],
        "categories": lambda: [_NOT_A_CATEGORY],
        "range": lambda: _out_of_range(column),
    }
    return name, values[kind]()


def _out_of_range(column: Column) -> list[Any]:
    if column.type == "integer":
        return [int(column.minimum or 0) - 1, int(column.maximum or 0) + 1]
    beyond = [bound for bound in (column.minimum, column.maximum) if bound is not None]
    finite = [beyond[0] - 0.5, beyond[1] + 0.5] if beyond else []
    return [*finite, float("nan"), float("inf"), float("-inf")]


def _twice(**values: Any) -> list[Row]:
    return [values, values]


# Rows that break each named rule, as what differs from a clean row.
BREAKING: Mapping[str, list[Row]] = {
    "application.unique_key": _twice(SK_ID_CURR=5),
    "application.days_employed_sentinel": [
        {"DAYS_EMPLOYED": 365243},
        {"ORGANIZATION_TYPE": "XNA"},
    ],
    "application.days_employed_past": [{"DAYS_EMPLOYED": 1}],
    "application.employed_after_birth": [{"DAYS_EMPLOYED": -12_000}],
    "application.registered_after_birth": [
        {"DAYS_REGISTRATION": -12_001.0},
        {"DAYS_ID_PUBLISH": -12_001},
    ],
    "application.no_work_phone_without_employer": [{"DAYS_EMPLOYED": 365243, "FLAG_EMP_PHONE": 1}],
    "application.car_age_needs_a_car": [{"FLAG_OWN_CAR": "N"}],
    "application.car_has_an_age": [{"OWN_CAR_AGE": None}],
    "application.goods_price_of_cash_loans": [{"AMT_GOODS_PRICE": None}],
    "application.inquiries_missing_together": [{column: None} for column in INQUIRY_COUNTS],
    "application.social_circle_missing_together": [{"OBS_30_CNT_SOCIAL_CIRCLE": None}],
    "application.social_circle_defaults": [
        {"DEF_30_CNT_SOCIAL_CIRCLE": 1.0},
        {"DEF_60_CNT_SOCIAL_CIRCLE": 1.0},
    ],
    "application.family_counts_children": [{"CNT_CHILDREN": 2}],
    "application.city_rating_known": [{"REGION_RATING_CLIENT_W_CITY": 0}],
    "bureau.unique_key": _twice(SK_ID_BUREAU=5),
    "bureau.known_application": [{"SK_ID_CURR": 999}],
    "bureau.closed_credits_ended": [{"CREDIT_ACTIVE": "Closed"}],
    "bureau.active_credits_not_ended": [{"DAYS_ENDDATE_FACT": -1.0}],
    "bureau.ended_after_start": [{"CREDIT_ACTIVE": "Closed", "DAYS_ENDDATE_FACT": -101.0}],
    "bureau.updated_between_start_and_now": [
        {"DAYS_CREDIT_UPDATE": -101},
        {"DAYS_CREDIT_UPDATE": 1},
    ],
    "bureau.debt_not_negative": [{"AMT_CREDIT_SUM_DEBT": -0.01}],
    "bureau_balance.unique_months": _twice(MONTHS_BALANCE=-70),
    "bureau_balance.contiguous_months": [{"MONTHS_BALANCE": 0}, {"MONTHS_BALANCE": -2}],
    "bureau_balance.known_bureau": [{"SK_ID_BUREAU": 999}],
    "previous_application.unique_key": _twice(SK_ID_PREV=5),
    "previous_application.known_application": [{"SK_ID_CURR": 999}],
    "previous_application.dates_missing_together": [{column: None} for column in LOAN_DATES],
    "previous_application.dates_or_sentinel": [{column: 3651.0} for column in LOAN_DATES],
    "previous_application.down_payment_missing_together": [{"AMT_DOWN_PAYMENT": None}],
    "previous_application.rates_missing_together": [{"RATE_INTEREST_PRIMARY": None}],
    "POS_CASH_balance.unique_months": _twice(MONTHS_BALANCE=-3),
    "POS_CASH_balance.known_previous_application": [{"SK_ID_PREV": 999}],
    "POS_CASH_balance.instalments_missing_together": [{"CNT_INSTALMENT": None}],
    "POS_CASH_balance.dpd_with_tolerance": [{"SK_DPD_DEF": 1}],
    "installments_payments.known_previous_application": [{"SK_ID_PREV": 999}],
    "installments_payments.payment_missing_together": [
        {"AMT_PAYMENT": None},
        {"DAYS_ENTRY_PAYMENT": None},
    ],
    "credit_card_balance.unique_months": _twice(MONTHS_BALANCE=-3),
    "credit_card_balance.known_previous_application": [{"SK_ID_PREV": 999}],
    "credit_card_balance.drawings_missing_together": [{column: None} for column in DRAWINGS],
    "credit_card_balance.dpd_with_tolerance": [{"SK_DPD_DEF": 1}],
}
