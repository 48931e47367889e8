"""What is known of real rows holds for generated ones, within sampling error."""

# ruff: noqa: S608, ISC004  (queries are put together from constants)

from __future__ import annotations

import csv
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import duckdb
import pytest

from creditrisk.contracts.tables import RAW_FILES, raw_tables, without_target
from creditrisk.data.loading import load_table

Figure = Callable[[str], float]

ALL_FILES = (*RAW_FILES, "application_test.csv")


@pytest.mark.parametrize("name", ALL_FILES)
def test_every_file_loads_as_its_table(name: str, portfolio: Path) -> None:
    """Columns, their order, and the type of every value are the contract's."""
    table = raw_tables()[RAW_FILES.get(name, "application")]
    table = without_target(table) if name == "application_test.csv" else table
    with duckdb.connect() as connection:
        assert load_table(connection, portfolio / "raw" / name, table, "loaded") > 100


@pytest.mark.parametrize("name", ALL_FILES)
def test_categories_are_known(name: str, tables: duckdb.DuckDBPyConnection) -> None:
    """A category column holds no value that the contract does not list."""
    table = raw_tables()[RAW_FILES.get(name, "application")]
    for column in table.columns:
        if column.categories:
            rows = tables.execute(
                f'select distinct {column.name}::varchar from "{Path(name).stem}"'
                f" where {column.name} is not null"
            ).fetchall()
            known = {"true", "false"} if column.name == "EMERGENCYSTATE_MODE" else set()
            assert {value for (value,) in rows} <= set(column.categories) | known


def test_rows_for_each_applicant_are_kaggles(figure: Figure) -> None:
    """Every table has as many rows for each applicant as the real one, within 6 %."""
    for name, rows_each in ROWS_EACH.items():
        assert figure(f'select count(*) / (select count(*) from person) from "{name}"') == (
            pytest.approx(rows_each, rel=0.06)
        ), name


# Rows of kaggle's files for each of the 356,255 applicants.
ROWS_EACH = {
    "bureau": 4.818,
    "bureau_balance": 76.63,
    "previous_application": 4.688,
    "POS_CASH_balance": 28.07,
    "installments_payments": 38.19,
    "credit_card_balance": 10.78,
}

# A query that gives one number, and the bounds within which it lies.
FACTS: dict[str, tuple[str, float, float]] = {
    "default rate": ("select avg(TARGET) from application_train", 0.07, 0.092),
    "without employer": (
        "select avg((DAYS_EMPLOYED = 365243)::int) from application_train", 0.16, 0.2),
    "employer missing exactly there": (
        "select count(*) from application_train"
        " where (DAYS_EMPLOYED = 365243) <> (ORGANIZATION_TYPE = 'XNA')"
        " or (DAYS_EMPLOYED = 365243 and FLAG_EMP_PHONE <> 0)", 0, 0),
    "latest employment": (
        "select max(DAYS_EMPLOYED) from application_train where DAYS_EMPLOYED < 365243", -60, -11),
    "car age exactly where a car is owned": (
        "select count(*) from application_train"
        " where (OWN_CAR_AGE is null) <> (FLAG_OWN_CAR = 'N')", 0, 0),
    "no car": ("select avg((OWN_CAR_AGE is null)::int) from application_train", 0.63, 0.69),
    "cars of 64 or 65 years": (
        "select avg((OWN_CAR_AGE in (64, 65))::int) from application_train"
        " where OWN_CAR_AGE is not null", 0.015, 0.055),
    "score 1 missing": ("select avg((EXT_SOURCE_1 is null)::int) from application_train", .54, .59),
    "score 2 missing": ("select avg((EXT_SOURCE_2 is null)::int) from application_train", 0, .006),
    "score 3 missing": ("select avg((EXT_SOURCE_3 is null)::int) from application_train", .17, .23),
    "all scores missing": (
        "select avg((coalesce(EXT_SOURCE_1, EXT_SOURCE_2, EXT_SOURCE_3) is null)::int)"
        " from application_train", 0, 0.002),
    "goods missing only for cards": (
        "select count(*) from application_train"
        " where AMT_GOODS_PRICE is null and NAME_CONTRACT_TYPE <> 'Revolving loans'", 0, 0),
    "occupation missing": (
        "select avg((OCCUPATION_TYPE is null)::int) from application_train", 0.28, 0.34),
    "enquiries missing": (
        "select avg((AMT_REQ_CREDIT_BUREAU_DAY is null)::int) from application_train", 0.11, 0.16),
    "enquiries missing together": (
        "select count(*) from application_train where (AMT_REQ_CREDIT_BUREAU_DAY is null)"
        " <> (AMT_REQ_CREDIT_BUREAU_YEAR is null)", 0, 0),
    "circle missing together": (
        "select count(*) from application_train where (OBS_30_CNT_SOCIAL_CIRCLE is null)"
        " <> (DEF_60_CNT_SOCIAL_CIRCLE is null)", 0, 0),
    "no more defaults than people around": (
        "select count(*) from application_train"
        " where DEF_30_CNT_SOCIAL_CIRCLE > OBS_30_CNT_SOCIAL_CIRCLE"
        " or DEF_60_CNT_SOCIAL_CIRCLE > OBS_60_CNT_SOCIAL_CIRCLE", 0, 0),
    "apartments missing": (
        "select avg((APARTMENTS_AVG is null)::int) from application_train", 0.48, 0.54),
    "common area missing": (
        "select avg((COMMONAREA_MEDI is null)::int) from application_train", 0.67, 0.73),
    "building columns missing together": (
        "select avg((COMMONAREA_AVG is null)::int) from application_train"
        " where APARTMENTS_AVG is null", 0.93, 1),
    "phone just changed": (
        "select avg((DAYS_LAST_PHONE_CHANGE = 0)::int) from application_train", 0.1, 0.145),
    "cards among loans": (
        "select avg((NAME_CONTRACT_TYPE = 'Revolving loans')::int) from application_train",
        0.08, 0.115),
    "cards among unlabelled loans": (
        "select avg((NAME_CONTRACT_TYPE = 'Revolving loans')::int) from application_test",
        0, 0.025),
    "score 1 missing, unlabelled": (
        "select avg((EXT_SOURCE_1 is null)::int) from application_test", 0.37, 0.49),
    "documents constant, unlabelled": (
        "select sum(FLAG_DOCUMENT_13 + FLAG_DOCUMENT_14 + FLAG_DOCUMENT_16) from application_test",
        0, 0),
    "payment rate shifted": (
        "select (select avg(AMT_ANNUITY / AMT_CREDIT) from application_test)"
        " / avg(AMT_ANNUITY / AMT_CREDIT) from application_train", 1.1, 1.4),
    "unlabelled for each labelled": (
        "select avg((not labelled)::int) / avg(labelled::int) from person", 0.155, 0.162),
    "with bureau rows": (
        "select avg((SK_ID_CURR in (select SK_ID_CURR from bureau))::int) from person",
        0.84, 0.88),
    "with previous applications": (
        "select avg((SK_ID_CURR in (select SK_ID_CURR from previous_application))::int)"
        " from person", 0.935, 0.965),
    "with cards": (
        "select avg((SK_ID_CURR in (select SK_ID_CURR from credit_card_balance))::int)"
        " from person where labelled", 0.255, 0.305),
    "zero credit sum": ("select avg((AMT_CREDIT_SUM = 0)::int) from bureau", 0.025, 0.055),
    "max overdue missing": (
        "select avg((AMT_CREDIT_MAX_OVERDUE is null)::int) from bureau", 0.65, 0.7),
    "bureau annuity missing": ("select avg((AMT_ANNUITY is null)::int) from bureau", .5, .65),
    "limit missing": ("select avg((AMT_CREDIT_SUM_LIMIT is null)::int) from bureau", 0.34, 0.41),
    "debt missing": ("select avg((AMT_CREDIT_SUM_DEBT is null)::int) from bureau", 0.12, 0.17),
    "negative debt": ("select avg((AMT_CREDIT_SUM_DEBT < 0)::int) from bureau", 0.0005, 0.01),
    "lowest debt": ("select min(AMT_CREDIT_SUM_DEBT) from bureau", -192_196, -1),
    "end date missing": ("select avg((DAYS_CREDIT_ENDDATE is null)::int) from bureau", .04, .08),
    "end dates beyond any sense": ("select max(DAYS_CREDIT_ENDDATE) from bureau", 30_000, 31_198),
    "closed without an end": (
        "select avg((DAYS_ENDDATE_FACT is null)::int) from bureau"
        " where CREDIT_ACTIVE = 'Closed'", 0.00001, 0.003),
    "active with an end": (
        "select avg((DAYS_ENDDATE_FACT is not null)::int) from bureau"
        " where CREDIT_ACTIVE = 'Active'", 0.0005, 0.01),
    "balance months unique and contiguous": (
        "select count(*) from (select SK_ID_BUREAU from bureau_balance group by SK_ID_BUREAU"
        " having count(*) <> max(MONTHS_BALANCE) - min(MONTHS_BALANCE) + 1"
        " or count(distinct MONTHS_BALANCE) <> count(*) or max(MONTHS_BALANCE) > 0"
        " or min(MONTHS_BALANCE) < -96)", 0, 0),
    "balance not reaching now": (
        "select avg((latest < 0)::int) from (select max(MONTHS_BALANCE) as latest"
        " from bureau_balance group by SK_ID_BUREAU)", 0.09, 0.14),
    "credits with a balance, labelled": (
        "select avg((SK_ID_BUREAU in (select SK_ID_BUREAU from bureau_balance))::int)"
        " from bureau join person using (SK_ID_CURR) where labelled", 0.31, 0.41),
    "credits with a balance, unlabelled": (
        "select avg((SK_ID_BUREAU in (select SK_ID_BUREAU from bureau_balance))::int)"
        " from bureau join person using (SK_ID_CURR) where not labelled", 0.985, 1),
    "balances without a credit": (
        "select avg((SK_ID_BUREAU not in (select SK_ID_BUREAU from bureau))::int)"
        " from (select distinct SK_ID_BUREAU from bureau_balance)", 0.03, 0.08),
    "delinquent months": (
        "select avg((STATUS in ('1', '2', '3', '4', '5'))::int) from bureau_balance", .004, .016),
    "dates missing together": (
        "select count(*) from previous_application where (DAYS_FIRST_DRAWING is null)::int"
        " + (DAYS_FIRST_DUE is null)::int + (DAYS_LAST_DUE_1ST_VERSION is null)::int"
        " + (DAYS_LAST_DUE is null)::int + (DAYS_TERMINATION is null)::int not in (0, 5)", 0, 0),
    "dates missing": (
        "select avg((DAYS_FIRST_DUE is null)::int) from previous_application", 0.39, 0.45),
    "sentinel in first drawing": (
        "select avg((coalesce(DAYS_FIRST_DRAWING, 0) = 365243)::int) from previous_application", 0.5, 0.58),
    "sentinel in termination": (
        "select avg((coalesce(DAYS_TERMINATION, 0) = 365243)::int) from previous_application", 0.1, 0.18),
    "sentinel in first due": (
        "select avg((coalesce(DAYS_FIRST_DUE, 0) = 365243)::int) from previous_application", 0.015, 0.045),
    "schedules beyond the application": (
        "select max(DAYS_LAST_DUE_1ST_VERSION) from previous_application"
        " where DAYS_LAST_DUE_1ST_VERSION < 365243", 365, 1_778),
    "asked for nothing": (
        "select avg((AMT_APPLICATION = 0)::int) from previous_application", 0.22, 0.28),
    "no seller": ("select avg((SELLERPLACE_AREA = -1)::int) from previous_application", .44, .52),
    "interest unknown": (
        "select avg((RATE_INTEREST_PRIMARY is null)::int) from previous_application", .993, .999),
    "refused": (
        "select avg((NAME_CONTRACT_STATUS = 'Refused')::int) from previous_application", .14, .2),
    "POS months unique": (
        "select count(*) - count(distinct (SK_ID_PREV, MONTHS_BALANCE)) from POS_CASH_balance",
        0, 0),
    "POS months in range": (
        "select count(*) from POS_CASH_balance where MONTHS_BALANCE not between -96 and -1", 0, 0),
    "POS without a parent": (
        "select avg((SK_ID_PREV not in (select SK_ID_PREV from previous_application))::int)"
        " from POS_CASH_balance", 0.02, 0.05),
    "POS past due": ("select avg((SK_DPD > 0)::int) from POS_CASH_balance", 0.018, 0.045),
    "POS counts missing": (
        "select avg((CNT_INSTALMENT is null)::int) from POS_CASH_balance", 0.001, 0.005),
    "card months unique": (
        "select count(*) - count(distinct (SK_ID_PREV, MONTHS_BALANCE)) from credit_card_balance",
        0, 0),
    "card months without a parent": (
        "select avg((SK_ID_PREV not in (select SK_ID_PREV from previous_application))::int)"
        " from credit_card_balance", 0.25, 0.42),
    "negative card balance": (
        "select avg((AMT_BALANCE < 0)::int) from credit_card_balance", 0.0001, 0.005),
    "limit zero": (
        "select avg((AMT_CREDIT_LIMIT_ACTUAL = 0)::int) from credit_card_balance", 0.12, 0.24),
    "balance above the limit": (
        "select avg((AMT_BALANCE > AMT_CREDIT_LIMIT_ACTUAL)::int) from credit_card_balance",
        0.02, 0.1),
    "drawings missing": (
        "select avg((AMT_DRAWINGS_ATM_CURRENT is null)::int) from credit_card_balance", .16, .26),
    "drawings missing together": (
        "select count(*) from credit_card_balance where (AMT_DRAWINGS_ATM_CURRENT is null)::int"
        " + (AMT_DRAWINGS_POS_CURRENT is null)::int + (AMT_DRAWINGS_OTHER_CURRENT is null)::int"
        " not in (0, 3)", 0, 0),
    "payment missing": (
        "select avg((AMT_PAYMENT_CURRENT is null)::int) from credit_card_balance", 0.16, 0.27),
    "minimum missing": (
        "select avg((AMT_INST_MIN_REGULARITY is null)::int) from credit_card_balance", .05, .1),
    "instalments paid in parts": (
        "select avg((parts > 1)::int) from (select count(*) as parts from installments_payments"
        " group by SK_ID_PREV, NUM_INSTALMENT_VERSION, NUM_INSTALMENT_NUMBER)", 0.02, 0.3),
    "payment missing together": (
        "select count(*) from installments_payments"
        " where (DAYS_ENTRY_PAYMENT is null) <> (AMT_PAYMENT is null)", 0, 0),
    "not yet paid": (
        "select avg((AMT_PAYMENT is null)::int) from installments_payments", 0.00002, 0.003),
    "late": (
        "select avg((DAYS_ENTRY_PAYMENT > DAYS_INSTALMENT)::int) from installments_payments",
        0.07, 0.105),
    "underpaid": (
        "select avg((AMT_PAYMENT < AMT_INSTALMENT)::int) from installments_payments", 0.07, 0.12),
    "overpaid": (
        "select avg((AMT_PAYMENT > AMT_INSTALMENT)::int) from installments_payments", .006, .02),
    "instalments without a parent": (
        "select avg((SK_ID_PREV not in (select SK_ID_PREV from previous_application))::int)"
        " from installments_payments", 0.01, 0.03),
    "loans whose version changes": (
        "select avg((versions > 1)::int) from (select count(distinct NUM_INSTALMENT_VERSION)"
        " as versions from installments_payments where NUM_INSTALMENT_VERSION > 0"
        " group by SK_ID_PREV)", 0.38, 0.48),
    "version 0 for cards alone": (
        "select count(*) from installments_payments where (NUM_INSTALMENT_VERSION = 0)"
        " <> (SK_ID_PREV in (select SK_ID_PREV from credit_card_balance))", 0, 0),
}  # fmt: skip


@pytest.mark.parametrize("fact", FACTS)
def test_fact_holds(fact: str, figure: Figure) -> None:
    """A figure of the real data model holds for generated rows."""
    query, low, high = FACTS[fact]
    assert low <= figure(query) <= high


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ("person", "SK_ID_CURR"),
        ("bureau", "SK_ID_BUREAU"),
        ("previous_application", "SK_ID_PREV"),
    ],
)
def test_ids_are_unique(table: str, key: str, figure: Figure) -> None:
    """No id is used twice."""
    assert figure(f"select count(*) - count(distinct {key}) from {table}") == 0


def test_ranges_are_the_contracts(tables: duckdb.DuckDBPyConnection) -> None:
    """No number lies outside the extremes that are known of the real files."""
    text = files("creditrisk.contracts").joinpath("raw_columns.csv").read_text(encoding="utf-8")
    stems = {table: Path(name).stem for name, table in RAW_FILES.items()}
    for row in csv.DictReader(text.splitlines()):
        if row["minimum"] and row["column"] not in {"FLAG_MOBIL", "FLAG_DOCUMENT_10"}:
            query = (
                f'select count(*) from "{stems[row["table"]]}" where {row["column"]}'
                f" not between {row['minimum']} and {row['maximum']}"
            )
            outside = tables.execute(query).fetchall()
            assert outside == [(0,)], (row["table"], row["column"])
