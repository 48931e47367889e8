"""What must hold across columns, rows and tables of the raw data.

Errors are facts that every row of the public files keeps and on which a feature's meaning rests.
Warnings are facts that real data keeps nearly always; each says how large a share may break it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from operator import and_
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from creditrisk.contracts.rules import GroupRule, ReferenceRule, RowRule, Rule

if TYPE_CHECKING:
    from ibis.expr import types as ir

UNEMPLOYED_SENTINEL_DAYS = 365243  # a thousand years: "no such date"
LATEST_PLAUSIBLE_DAYS = 3650

INQUIRY_COUNTS = tuple(
    f"AMT_REQ_CREDIT_BUREAU_{period}" for period in ("HOUR", "DAY", "WEEK", "MON", "QRT", "YEAR")
)
SOCIAL_CIRCLE = tuple(
    f"{what}_{days}_CNT_SOCIAL_CIRCLE" for days in (30, 60) for what in ("OBS", "DEF")
)
LOAN_DATES = (
    "DAYS_FIRST_DRAWING",
    "DAYS_FIRST_DUE",
    "DAYS_LAST_DUE_1ST_VERSION",
    "DAYS_LAST_DUE",
    "DAYS_TERMINATION",
)
DRAWINGS = tuple(
    f"{what}_DRAWINGS_{place}_CURRENT"
    for what in ("AMT", "CNT")
    for place in ("ATM", "OTHER", "POS")
)
_MASK_BITS = 62  # months per 64-bit mask, the sign bit apart


def _null_together(columns: Sequence[str]) -> Any:
    """A condition: the columns are null in the same rows."""

    def holds(rows: ir.Table) -> Any:
        first = rows[columns[0]].isnull()
        return reduce(and_, (rows[column].isnull() == first for column in columns[1:]))

    return holds


def _dates_or_sentinel(rows: ir.Table) -> Any:
    return reduce(
        and_,
        (
            rows[column].isnull()
            | (rows[column] <= LATEST_PLAUSIBLE_DAYS)
            | (rows[column] == UNEMPLOYED_SENTINEL_DAYS)
            for column in LOAN_DATES
        ),
    )


def _distinct_months(rows: ir.Table) -> Any:
    """How many different months a contract has: one bit a month, far cheaper than a hash table."""
    import ibis

    bit_count = ibis.udf.scalar.builtin(_bit_count, name="bit_count")
    age = -rows.MONTHS_BALANCE
    count: Any = 0
    for start in (0, _MASK_BITS):
        inside = age.between(start, start + _MASK_BITS - 1)
        bit = ibis.ifelse(inside, ibis.literal(1) << (age - start).cast("uint64"), 0)
        count += bit_count(bit.bit_or())
    return count


def _bit_count(mask: int) -> int: ...  # type: ignore[empty-body]  # DuckDB has the body


def _months_in_range(rows: ir.Table) -> Any:
    """How many rows have a month that the masks can hold; the others break their range."""
    return rows.MONTHS_BALANCE.between(1 - 2 * _MASK_BITS, 0).sum()


def _unique_key(table: str, key: str) -> GroupRule:
    return GroupRule(
        id=f"{table}.unique_key",
        level="error",
        description=f"{key} is unique",
        columns=(key,),
        key=(key,),
        holds=lambda rows: rows.count() == 1,
    )


def _unique_months(table: str, key: str) -> GroupRule:
    return GroupRule(
        id=f"{table}.unique_months",
        level="error",
        description=f"a {key} has at most one row a month",
        columns=(key, "MONTHS_BALANCE"),
        key=(key,),
        holds=lambda rows: _distinct_months(rows) == _months_in_range(rows),
    )


def _known_parent(table: str, column: str, parent: str, bound: float) -> ReferenceRule:
    return ReferenceRule(
        id=f"{table}.known_{parent}",
        level="warning",
        description=f"{column} has a row in {parent}",
        columns=(column,),
        parent=parent,
        bound=bound,
    )


def _row(
    rule_id: str,
    description: str,
    columns: Sequence[str],
    holds: Any,
    *,
    tolerated: float | None = None,
) -> RowRule:
    """An error, or a warning where a share of rows is tolerated."""
    return RowRule(
        id=rule_id,
        level="error" if tolerated is None else "warning",
        description=description,
        columns=tuple(columns),
        bound=tolerated or 0.0,
        holds=holds,
    )


_APPLICATION = (
    _unique_key("application", "SK_ID_CURR"),
    _row(
        "application.days_employed_sentinel",
        "DAYS_EMPLOYED is 365243 exactly where ORGANIZATION_TYPE is XNA",
        ("DAYS_EMPLOYED", "ORGANIZATION_TYPE"),
        lambda rows: (
            (rows.DAYS_EMPLOYED == UNEMPLOYED_SENTINEL_DAYS) == (rows.ORGANIZATION_TYPE == "XNA")
        ),
    ),
    _row(
        "application.days_employed_past",
        "DAYS_EMPLOYED is not positive, the sentinel 365243 apart",
        ("DAYS_EMPLOYED",),
        lambda rows: (rows.DAYS_EMPLOYED <= 0) | (rows.DAYS_EMPLOYED == UNEMPLOYED_SENTINEL_DAYS),
    ),
    _row(
        "application.employed_after_birth",
        "nobody is employed before birth",
        ("DAYS_BIRTH", "DAYS_EMPLOYED"),
        lambda rows: rows.DAYS_EMPLOYED > rows.DAYS_BIRTH,
    ),
    _row(
        "application.registered_after_birth",
        "nobody registers or gets an identity document before birth",
        ("DAYS_BIRTH", "DAYS_REGISTRATION", "DAYS_ID_PUBLISH"),
        lambda rows: (
            (rows.DAYS_REGISTRATION >= rows.DAYS_BIRTH) & (rows.DAYS_ID_PUBLISH >= rows.DAYS_BIRTH)
        ),
        tolerated=0.001,
    ),
    _row(
        "application.no_work_phone_without_employer",
        "FLAG_EMP_PHONE is 0 where DAYS_EMPLOYED is 365243",
        ("DAYS_EMPLOYED", "FLAG_EMP_PHONE"),
        lambda rows: (rows.DAYS_EMPLOYED != UNEMPLOYED_SENTINEL_DAYS) | (rows.FLAG_EMP_PHONE == 0),
        tolerated=0.001,
    ),
    _row(
        "application.car_age_needs_a_car",
        "OWN_CAR_AGE is null where FLAG_OWN_CAR is N",
        ("FLAG_OWN_CAR", "OWN_CAR_AGE"),
        lambda rows: (rows.FLAG_OWN_CAR != "N") | rows.OWN_CAR_AGE.isnull(),
    ),
    _row(
        "application.car_has_an_age",
        "OWN_CAR_AGE is known where FLAG_OWN_CAR is Y",
        ("FLAG_OWN_CAR", "OWN_CAR_AGE"),
        lambda rows: (rows.FLAG_OWN_CAR != "Y") | rows.OWN_CAR_AGE.notnull(),
        tolerated=0.001,
    ),
    _row(
        "application.goods_price_of_cash_loans",
        "AMT_GOODS_PRICE is null for revolving loans only",
        ("NAME_CONTRACT_TYPE", "AMT_GOODS_PRICE"),
        lambda rows: (
            rows.AMT_GOODS_PRICE.notnull() | (rows.NAME_CONTRACT_TYPE == "Revolving loans")
        ),
        tolerated=0.001,
    ),
    _row(
        "application.inquiries_missing_together",
        "the six AMT_REQ_CREDIT_BUREAU columns are null in the same rows",
        INQUIRY_COUNTS,
        _null_together(INQUIRY_COUNTS),
    ),
    _row(
        "application.social_circle_missing_together",
        "the four social-circle columns are null in the same rows",
        SOCIAL_CIRCLE,
        _null_together(SOCIAL_CIRCLE),
    ),
    _row(
        "application.social_circle_defaults",
        "no more defaults than people observed in the social circle",
        SOCIAL_CIRCLE,
        lambda rows: (
            rows.OBS_30_CNT_SOCIAL_CIRCLE.isnull()
            | (
                (rows.DEF_30_CNT_SOCIAL_CIRCLE <= rows.OBS_30_CNT_SOCIAL_CIRCLE)
                & (rows.DEF_60_CNT_SOCIAL_CIRCLE <= rows.OBS_60_CNT_SOCIAL_CIRCLE)
            )
        ),
        tolerated=0.001,
    ),
    _row(
        "application.family_counts_children",
        "CNT_FAM_MEMBERS exceeds CNT_CHILDREN",
        ("CNT_CHILDREN", "CNT_FAM_MEMBERS"),
        lambda rows: rows.CNT_FAM_MEMBERS.isnull() | (rows.CNT_FAM_MEMBERS > rows.CNT_CHILDREN),
        tolerated=0.001,
    ),
    _row(
        "application.city_rating_known",
        "REGION_RATING_CLIENT_W_CITY is 1, 2, 3 or, rarely, -1",
        ("REGION_RATING_CLIENT_W_CITY",),
        lambda rows: rows.REGION_RATING_CLIENT_W_CITY != 0,
    ),
)

_BUREAU = (
    _unique_key("bureau", "SK_ID_BUREAU"),
    _known_parent("bureau", "SK_ID_CURR", "application", bound=0.25),
    _row(
        "bureau.closed_credits_ended",
        "a Closed credit has DAYS_ENDDATE_FACT",
        ("CREDIT_ACTIVE", "DAYS_ENDDATE_FACT"),
        lambda rows: (rows.CREDIT_ACTIVE != "Closed") | rows.DAYS_ENDDATE_FACT.notnull(),
        tolerated=0.01,
    ),
    _row(
        "bureau.active_credits_not_ended",
        "an Active credit has no DAYS_ENDDATE_FACT",
        ("CREDIT_ACTIVE", "DAYS_ENDDATE_FACT"),
        lambda rows: (rows.CREDIT_ACTIVE != "Active") | rows.DAYS_ENDDATE_FACT.isnull(),
        tolerated=0.01,
    ),
    _row(
        "bureau.ended_after_start",
        "a credit ends after it starts",
        ("DAYS_CREDIT", "DAYS_ENDDATE_FACT"),
        lambda rows: rows.DAYS_ENDDATE_FACT.isnull() | (rows.DAYS_ENDDATE_FACT >= rows.DAYS_CREDIT),
        tolerated=0.01,
    ),
    _row(
        "bureau.updated_between_start_and_now",
        "the last news of a credit lies between its start and the application",
        ("DAYS_CREDIT", "DAYS_CREDIT_UPDATE"),
        lambda rows: (rows.DAYS_CREDIT_UPDATE >= rows.DAYS_CREDIT) & (rows.DAYS_CREDIT_UPDATE <= 0),
        tolerated=0.01,
    ),
    _row(
        "bureau.debt_not_negative",
        "AMT_CREDIT_SUM_DEBT is not negative",
        ("AMT_CREDIT_SUM_DEBT",),
        lambda rows: rows.AMT_CREDIT_SUM_DEBT.isnull() | (rows.AMT_CREDIT_SUM_DEBT >= 0),
        tolerated=0.02,
    ),
)

_BUREAU_BALANCE = (
    _unique_months("bureau_balance", "SK_ID_BUREAU"),
    GroupRule(
        id="bureau_balance.contiguous_months",
        level="warning",
        description="the months of a credit have no gap",
        columns=("SK_ID_BUREAU", "MONTHS_BALANCE"),
        key=("SK_ID_BUREAU",),
        holds=lambda rows: (
            _distinct_months(rows) == rows.MONTHS_BALANCE.max() - rows.MONTHS_BALANCE.min() + 1
        ),
    ),
    _known_parent("bureau_balance", "SK_ID_BUREAU", "bureau", bound=0.2),
)

_PREVIOUS_APPLICATION = (
    _unique_key("previous_application", "SK_ID_PREV"),
    _known_parent("previous_application", "SK_ID_CURR", "application", bound=0.25),
    _row(
        "previous_application.dates_missing_together",
        "the five dates of a loan are null in the same rows",
        LOAN_DATES,
        _null_together(LOAN_DATES),
    ),
    _row(
        "previous_application.dates_or_sentinel",
        "a date of a loan lies at most ten years ahead or is 365243",
        LOAN_DATES,
        _dates_or_sentinel,
    ),
    _row(
        "previous_application.down_payment_missing_together",
        "AMT_DOWN_PAYMENT and RATE_DOWN_PAYMENT are null in the same rows",
        ("AMT_DOWN_PAYMENT", "RATE_DOWN_PAYMENT"),
        _null_together(("AMT_DOWN_PAYMENT", "RATE_DOWN_PAYMENT")),
        tolerated=0.001,
    ),
    _row(
        "previous_application.rates_missing_together",
        "RATE_INTEREST_PRIMARY and RATE_INTEREST_PRIVILEGED are null in the same rows",
        ("RATE_INTEREST_PRIMARY", "RATE_INTEREST_PRIVILEGED"),
        _null_together(("RATE_INTEREST_PRIMARY", "RATE_INTEREST_PRIVILEGED")),
        tolerated=0.001,
    ),
)

_POS_CASH_BALANCE = (
    _unique_months("POS_CASH_balance", "SK_ID_PREV"),
    _known_parent("POS_CASH_balance", "SK_ID_PREV", "previous_application", bound=0.1),
    _row(
        "POS_CASH_balance.instalments_missing_together",
        "CNT_INSTALMENT and CNT_INSTALMENT_FUTURE are null in the same rows",
        ("CNT_INSTALMENT", "CNT_INSTALMENT_FUTURE"),
        _null_together(("CNT_INSTALMENT", "CNT_INSTALMENT_FUTURE")),
        tolerated=0.001,
    ),
    _row(
        "POS_CASH_balance.dpd_with_tolerance",
        "SK_DPD_DEF, which tolerates small debts, does not exceed SK_DPD",
        ("SK_DPD", "SK_DPD_DEF"),
        lambda rows: rows.SK_DPD_DEF <= rows.SK_DPD,
        tolerated=0.001,
    ),
)

_INSTALLMENTS_PAYMENTS = (
    _known_parent("installments_payments", "SK_ID_PREV", "previous_application", bound=0.1),
    _row(
        "installments_payments.payment_missing_together",
        "DAYS_ENTRY_PAYMENT and AMT_PAYMENT are null in the same rows: not yet paid",
        ("DAYS_ENTRY_PAYMENT", "AMT_PAYMENT"),
        _null_together(("DAYS_ENTRY_PAYMENT", "AMT_PAYMENT")),
    ),
)

_CREDIT_CARD_BALANCE = (
    _unique_months("credit_card_balance", "SK_ID_PREV"),
    _known_parent("credit_card_balance", "SK_ID_PREV", "previous_application", bound=0.5),
    _row(
        "credit_card_balance.drawings_missing_together",
        "amounts and counts of ATM, POS and other drawings are null in the same rows",
        DRAWINGS,
        _null_together(DRAWINGS),
    ),
    _row(
        "credit_card_balance.dpd_with_tolerance",
        "SK_DPD_DEF, which tolerates small debts, does not exceed SK_DPD",
        ("SK_DPD", "SK_DPD_DEF"),
        lambda rows: rows.SK_DPD_DEF <= rows.SK_DPD,
        tolerated=0.001,
    ),
)

# By raw table. installments_payments has no unique key: an instalment may be paid in parts.
RAW_RULES: Mapping[str, tuple[Rule, ...]] = MappingProxyType(
    {
        "application": _APPLICATION,
        "bureau": _BUREAU,
        "bureau_balance": _BUREAU_BALANCE,
        "previous_application": _PREVIOUS_APPLICATION,
        "POS_CASH_balance": _POS_CASH_BALANCE,
        "installments_payments": _INSTALLMENTS_PAYMENTS,
        "credit_card_balance": _CREDIT_CARD_BALANCE,
    }
)
