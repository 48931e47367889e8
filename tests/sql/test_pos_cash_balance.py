"""`pos_cash_balance.sql`: given rows, expected rows."""

from __future__ import annotations

from statistics import mean
from typing import Any

from portfolio import rows_of

LOANS = [{"SK_ID_PREV": 11, "SK_ID_CURR": 1}, {"SK_ID_PREV": 12, "SK_ID_CURR": 1}]


def month(loan: int, **values: Any) -> dict[str, Any]:
    return {"SK_ID_PREV": loan, **values}


def active(loan: int, balance_month: int, status: str = "Active") -> dict[str, Any]:
    return month(loan, MONTHS_BALANCE=balance_month, NAME_CONTRACT_STATUS=status)


def features(*months: dict[str, Any]) -> dict[str, Any]:
    (row,) = rows_of("pos_cash_balance", previous_application=LOANS, POS_CASH_balance=months)
    return row


def test_overdue_months() -> None:
    """A month is overdue by either count, and each loan counts once in the share."""
    row = features(
        month(11, SK_DPD=4, SK_DPD_DEF=0),
        month(11, SK_DPD=0, SK_DPD_DEF=2),
        month(11, SK_DPD=0, SK_DPD_DEF=0),
        month(11, SK_DPD=None, SK_DPD_DEF=None),
        month(12, SK_DPD=0, SK_DPD_DEF=0),
    )
    assert row["POS_DPD_ANY_SHARE"] == mean([2 / 4, 0])
    assert row["POS_DPD_MAX"] == 4


def test_months_since_a_loan_was_active() -> None:
    """Per loan the latest active month counts, and of these the one longest ago."""
    row = features(active(11, -30), active(11, -12), active(11, -2, "Completed"), active(12, -5))
    assert row["POS_MONTHS_SINCE_LAST_ACTIVE"] == 12


def test_never_active_has_no_month() -> None:
    """Where no loan was active the months are null."""
    assert features(active(11, -3, "Signed"))["POS_MONTHS_SINCE_LAST_ACTIVE"] is None


def test_loans_of_nobody_are_left_out() -> None:
    """Months count only for a loan in previous_application, for the applicant named there."""
    row = features(month(99, SK_DPD=900, SK_ID_CURR=1), month(12, SK_DPD=3, SK_ID_CURR=5))
    assert (row["SK_ID_CURR"], row["POS_DPD_MAX"]) == (1, 3)


def test_no_months_no_rows() -> None:
    """An empty table gives empty features."""
    assert rows_of("pos_cash_balance", previous_application=LOANS) == []
