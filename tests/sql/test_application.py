"""`application.sql` and `application_nulls.sql`: given rows, expected rows."""

from __future__ import annotations

from typing import Any

import pytest
from portfolio import rows_of

E = 1e-6


def features(**values: Any) -> dict[str, Any]:
    (row,) = rows_of("application", application=[{"SK_ID_CURR": 1, **values}])
    return row


def test_raw_columns_pass_unchanged() -> None:
    """A feature that is a raw column keeps its value, commas and slashes in categories included."""
    values = {
        "NAME_HOUSING_TYPE": "House / apartment, shared",
        "EXT_SOURCE_2": 1.6e-5,
        "CNT_CHILDREN": 3,
    }
    assert values.items() <= features(**values).items()


def test_nulls_stay_null() -> None:
    """Nothing is imputed: null columns and what is calculated from them are null."""
    row = features(EXT_SOURCE_1=None, AMT_GOODS_PRICE=None, AMT_ANNUITY=None, DAYS_EMPLOYED=None)
    names = ("EXT_SOURCE_1", "AMT_GOODS_PRICE", "GOODS_TO_CREDIT", "PAYMENT_RATE", "EMPLOYED_YEARS")
    assert [row[name] for name in names] == [None] * 5


def test_sentinel_is_no_employment() -> None:
    """DAYS_EMPLOYED = 365243 is flagged and gives no years of employment."""
    row = features(DAYS_EMPLOYED=365243, DAYS_BIRTH=-20000)
    assert row["DAYS_EMPLOYED_ANOMALY"] == 1
    assert row["EMPLOYED_YEARS"] is None
    assert row["EMPLOYMENT_YEARS_TO_AGE"] is None


def test_employment_and_age_in_years() -> None:
    """Days before the application become years."""
    row = features(DAYS_EMPLOYED=-3650, DAYS_BIRTH=-14600)
    assert row["DAYS_EMPLOYED_ANOMALY"] == 0
    assert row["AGE_YEARS"] == 14600 / (365 + E)
    assert row["EMPLOYED_YEARS"] == 3650 / (365 + E)
    assert row["EMPLOYMENT_YEARS_TO_AGE"] == 3650 / (14600 + E)


def test_ratios() -> None:
    """Each ratio divides by its denominator plus 1e-6."""
    row = features(
        AMT_ANNUITY=10.0,
        AMT_CREDIT=200.0,
        AMT_GOODS_PRICE=180.0,
        AMT_INCOME_TOTAL=400.0,
        CNT_CHILDREN=1,
        CNT_FAM_MEMBERS=3.0,
    )
    expected = {
        "PAYMENT_RATE": 10 / (200 + E),
        "CREDIT_TO_INCOME": 200 / (400 + E),
        "ANNUITY_TO_INCOME": 10 / (400 + E),
        "GOODS_TO_CREDIT": 180 / (200 + E),
        "INCOME_PER_PERSON": 400 / (3 + E),
        "CHILDREN_RATIO": 1 / (3 + E),
    }
    assert {name: row[name] for name in expected} == expected


def test_zero_denominators_stay_finite() -> None:
    """A division by zero gives a large number, not infinity."""
    row = features(AMT_CREDIT=0.0, AMT_GOODS_PRICE=5.0, AMT_INCOME_TOTAL=0.0)
    assert row["GOODS_TO_CREDIT"] == pytest.approx(5e6)
    assert row["CREDIT_TO_INCOME"] == 0


def test_missing_flags() -> None:
    """A missing score or car is flagged with 1, a present one with 0."""
    row = features(EXT_SOURCE_1=None, EXT_SOURCE_2=0.5, EXT_SOURCE_3=None, OWN_CAR_AGE=4.0)
    names = ("EXT_SOURCE_1", "EXT_SOURCE_2", "EXT_SOURCE_3", "OWN_CAR_AGE")
    assert [row[f"{name}_IS_MISSING"] for name in names] == [1, 0, 1, 0]


def test_counts_take_null_as_zero() -> None:
    """Documents, contacts and address mismatches are counted over their flags, null as 0."""
    row = features(
        FLAG_DOCUMENT_2=None,
        FLAG_DOCUMENT_3=1,
        FLAG_DOCUMENT_21=1,
        FLAG_MOBIL=1,
        FLAG_EMAIL=1,
        FLAG_PHONE=None,
        REG_CITY_NOT_WORK_CITY=1,
        LIVE_CITY_NOT_WORK_CITY=None,
    )
    assert (row["DOC_COUNT"], row["CONTACT_COUNT"], row["ADDR_MISMATCH_SUM"]) == (2, 2, 1)


def test_empty_columns_are_counted() -> None:
    """TOT_MISSING_COUNT counts each null of the raw row once, and zeros or empty ratings never."""
    few = {"SK_ID_CURR": 1, "EXT_SOURCE_1": 0.5, "OWN_CAR_AGE": 0.0}
    more = {"SK_ID_CURR": 2, "EXT_SOURCE_1": None, "OWN_CAR_AGE": 0.0}
    first, second = rows_of("application_nulls", application=[few, more])
    assert second["TOT_MISSING_COUNT"] == first["TOT_MISSING_COUNT"] + 1


def test_no_applicants_no_rows() -> None:
    """An empty application table gives empty features."""
    assert rows_of("application") == rows_of("application_nulls") == []
