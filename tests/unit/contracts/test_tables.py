"""Facts about the raw tables: they cover the extremes of the public files."""

from __future__ import annotations

import pytest

from creditrisk.contracts.tables import raw_tables, without_target

# Extremes of the full public files that no sample shows.
KNOWN_VALUES = [
    ("application", "CNT_CHILDREN", 19),
    ("application", "AMT_INCOME_TOTAL", 117_000_000),
    ("application", "REGION_RATING_CLIENT_W_CITY", -1),
    ("application", "OBS_30_CNT_SOCIAL_CIRCLE", 348),
    ("application", "AMT_REQ_CREDIT_BUREAU_QRT", 261),
    ("application", "DAYS_BIRTH", -25_229),
    ("application", "DAYS_BIRTH", -7_489),
    ("application", "DAYS_REGISTRATION", -24_672),
    ("application", "DAYS_EMPLOYED", 365_243),
    ("application", "OWN_CAR_AGE", 91),
    ("bureau", "AMT_CREDIT_SUM", 585_000_000),
    ("bureau", "CREDIT_DAY_OVERDUE", 2_792),
    ("bureau", "AMT_ANNUITY", 118_453_423.5),
    ("bureau", "CNT_CREDIT_PROLONG", 9),
    ("bureau", "AMT_CREDIT_SUM_DEBT", -4_705_600.32),
    ("bureau", "DAYS_CREDIT_ENDDATE", -42_060),
    ("bureau", "DAYS_ENDDATE_FACT", -42_023),
    ("bureau", "DAYS_CREDIT_UPDATE", -41_947),
    ("bureau", "DAYS_CREDIT_UPDATE", 372),
    ("previous_application", "SELLERPLACE_AREA", 4_000_000),
    ("previous_application", "AMT_CREDIT", 6_905_160),
    ("previous_application", "AMT_DOWN_PAYMENT", -0.9),
    ("previous_application", "DAYS_FIRST_DRAWING", 365_243),
    ("POS_CASH_balance", "SK_DPD", 4_231),
    ("installments_payments", "NUM_INSTALMENT_VERSION", 178),
    ("installments_payments", "NUM_INSTALMENT_NUMBER", 277),
    ("installments_payments", "DAYS_ENTRY_PAYMENT", -4_921),
    ("installments_payments", "AMT_PAYMENT", 3_771_487.85),
    ("credit_card_balance", "AMT_BALANCE", -420_250),
    ("credit_card_balance", "AMT_CREDIT_LIMIT_ACTUAL", 1_350_000),
    ("credit_card_balance", "AMT_DRAWINGS_ATM_CURRENT", -6_827.31),
    ("credit_card_balance", "SK_DPD", 3_260),
]


@pytest.mark.parametrize(("table", "column", "value"), KNOWN_VALUES)
def test_the_extremes_of_the_public_files_are_plausible(
    table: str, column: str, value: float
) -> None:
    """Bounds are of plausibility: no value of the public files lies beyond them."""
    facts = raw_tables()[table].column(column)
    assert facts.minimum is not None
    assert facts.maximum is not None
    assert facts.minimum <= value <= facts.maximum


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("application", "AMT_ANNUITY"),
        ("application", "CNT_FAM_MEMBERS"),
        ("application", "DAYS_LAST_PHONE_CHANGE"),
        ("bureau", "AMT_CREDIT_SUM"),
        ("previous_application", "AMT_CREDIT"),
        ("previous_application", "PRODUCT_COMBINATION"),
        ("installments_payments", "AMT_PAYMENT"),
        ("POS_CASH_balance", "CNT_INSTALMENT"),
    ],
)
def test_a_handful_of_nulls_in_the_public_files_is_legal(table: str, column: str) -> None:
    """A column of which the full files have even a few nulls is nullable."""
    assert raw_tables()[table].column(column).nullable


def test_every_number_has_bounds_and_every_category_a_list() -> None:
    """No column of the 218 is without a rule on its values."""
    columns = [column for table in raw_tables().values() for column in table.columns]
    assert len(columns) == 218
    for column in columns:
        if column.type == "category":
            assert column.categories
        else:
            assert (column.minimum is None, column.maximum is None) == (False, False)


def test_the_outcome_can_be_left_out() -> None:
    """Applicants to be scored come without TARGET, all else the same."""
    labelled = raw_tables()["application"]
    rest = [column for column in labelled.columns if column.name != "TARGET"]
    assert [*without_target(labelled).columns] == rest
