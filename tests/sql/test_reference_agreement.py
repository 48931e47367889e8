"""The SQL against an independent calculation, on random small portfolios."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from portfolio import feature_rows, filled
from reference_features import reference_features

from creditrisk.contracts.tables import Column, raw_tables
from creditrisk.features.catalogue import load_catalogue

APPLICANTS = range(1, 5)  # applicant 4 and above have histories, but never applied
LOANS = range(11, 17)
NULLS_IN_HISTORIES = {"SK_DPD", "SK_DPD_DEF", "AMT_INSTALMENT", "AMT_BALANCE", "AMT_CREDIT"}


def values(column: Column) -> st.SearchStrategy[Any]:
    """Legal values of a column, zeros and nulls often, amounts mostly in thousandths."""
    strategy = {"category": categories, "integer": integers, "real": reals}[column.type](column)
    if column.nullable or column.name in NULLS_IN_HISTORIES:
        strategy = st.one_of(st.none(), strategy)
    return strategy


def categories(column: Column) -> st.SearchStrategy[str]:
    return st.sampled_from(column.categories)


def integers(column: Column) -> st.SearchStrategy[int]:
    low, high = bounds(column)
    return with_zero(st.integers(math.ceil(low), math.floor(high)), column)


def reals(column: Column) -> st.SearchStrategy[float]:
    low, high = bounds(column)
    any_real = st.floats(low, high).map(lambda number: round(number, 9))
    thousandths = st.integers(math.ceil(low * 1000), math.floor(high * 1000))
    in_thousandths = thousandths.map(lambda number: number / 1000)
    return with_zero(
        st.floats(low, high) if high < 1 else st.one_of(in_thousandths, any_real), column
    )


def with_zero(strategy: st.SearchStrategy[Any], column: Column) -> st.SearchStrategy[Any]:
    low, high = bounds(column)
    return st.one_of(st.just(0), strategy) if low <= 0 <= high else strategy


def bounds(column: Column) -> tuple[float, float]:
    low = -1e6 if column.minimum is None else column.minimum
    high = 1e6 if column.maximum is None else column.maximum
    return low, high


READ = {name: set() for name in raw_tables()}
for table, name in load_catalogue().inputs():
    READ[table].add(name)


def rows(table: str, **keys: st.SearchStrategy[int]) -> st.SearchStrategy[dict[str, Any]]:
    """Rows of a raw table: random in the columns that some feature reads, legal elsewhere."""
    columns = {
        column.name: values(column)
        for column in raw_tables()[table].columns
        if column.name in READ[table] and column.name not in keys
    }
    return st.fixed_dictionaries(columns | keys).map(lambda row: filled(table, **row))


def history(
    table: str, unique_by: str | None = None, **keys: st.SearchStrategy[int]
) -> st.SearchStrategy[list[dict[str, Any]]]:
    key = (lambda row: row[unique_by]) if unique_by else None
    return st.lists(rows(table, **keys), max_size=8, unique_by=key)


LOAN, APPLICANT = st.sampled_from(LOANS), st.sampled_from(APPLICANTS)
PORTFOLIOS = st.fixed_dictionaries(
    {
        "application": st.lists(
            rows("application", SK_ID_CURR=st.sampled_from(range(1, 4))),
            min_size=1,
            max_size=3,
            unique_by=lambda row: row["SK_ID_CURR"],
        ),
        "bureau": history("bureau", "SK_ID_BUREAU", SK_ID_CURR=APPLICANT, SK_ID_BUREAU=LOAN),
        "bureau_balance": history("bureau_balance", SK_ID_BUREAU=LOAN),
        "previous_application": history(
            "previous_application", "SK_ID_PREV", SK_ID_CURR=APPLICANT, SK_ID_PREV=LOAN
        ),
        "installments_payments": history(
            "installments_payments", SK_ID_CURR=APPLICANT, SK_ID_PREV=LOAN
        ),
        "credit_card_balance": history(
            "credit_card_balance", SK_ID_CURR=APPLICANT, SK_ID_PREV=LOAN
        ),
        "POS_CASH_balance": history("POS_CASH_balance", SK_ID_CURR=APPLICANT, SK_ID_PREV=LOAN),
    }
)


def same(got: Any, wanted: Any) -> bool:
    """Equal within 1e-9 of the value, or within the last of the 15 digits of its largest term."""
    if got is None or wanted is None or isinstance(wanted, str):
        return bool(got == wanted)
    rounding = 1e-15 * max(1.0, getattr(wanted, "largest", 1.0))
    return math.isclose(got, wanted, rel_tol=1e-9, abs_tol=rounding)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(tables=PORTFOLIOS)
def test_sql_agrees_with_row_by_row_calculation(tables: dict[str, list[dict[str, Any]]]) -> None:
    """Every feature of every applicant equals the plain calculation, whatever is null or orphaned."""
    got, wanted = feature_rows(tables), reference_features(tables)
    assert [list(row) for row in got] == [["SK_ID_CURR", *load_catalogue().names]] * len(got)
    different = [
        (row["SK_ID_CURR"], name, row[name], expected[name])
        for row, expected in zip(got, wanted, strict=True)
        for name in expected
        if not same(row[name], expected[name])
    ]
    assert not different
    assert all(row.keys() == expected.keys() for row, expected in zip(got, wanted, strict=True))
