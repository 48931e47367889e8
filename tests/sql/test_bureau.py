"""`bureau.sql` and `bureau_balance.sql`: given rows, expected rows."""

from __future__ import annotations

from typing import Any

import pytest
from portfolio import rows_of

E = 1e-6


def credit(number: int, **values: Any) -> dict[str, Any]:
    return {"SK_ID_CURR": 1, "SK_ID_BUREAU": number, **values}


def months(number: int, statuses: str) -> list[dict[str, Any]]:
    """A history whose last status is that of month 0."""
    first = 1 - len(statuses)
    return [
        {"SK_ID_BUREAU": number, "MONTHS_BALANCE": first + position, "STATUS": status}
        for position, status in enumerate(statuses)
    ]


def test_credits_are_counted_by_status() -> None:
    """Active and closed credits count; sold and bad ones are neither."""
    statuses = ("Active", "Active", "Closed", "Sold", "Bad debt")
    rows = [credit(n, CREDIT_ACTIVE=status) for n, status in enumerate(statuses)]
    (row,) = rows_of("bureau", bureau=rows)
    assert (row["BUREAU_N_ACTIVE"], row["BUREAU_N_CLOSED"]) == (2, 1)


def test_latest_days() -> None:
    """The latest credit and the latest update are the largest of their negative days."""
    rows = [
        credit(1, DAYS_CREDIT=-900, DAYS_CREDIT_UPDATE=-10),
        credit(2, DAYS_CREDIT=-30, DAYS_CREDIT_UPDATE=-20),
    ]
    (row,) = rows_of("bureau", bureau=rows)
    assert (row["BUREAU_LAST_CREDIT_DAYS"], row["BUREAU_LAST_UPDATE_DAYS"]) == (-30, -10)


def test_sums_leave_nulls_out() -> None:
    """Sums add what is there; where nothing is there the sum is null, not zero."""
    rows = [
        credit(1, AMT_CREDIT_SUM=100.5, AMT_CREDIT_SUM_DEBT=-7.25, CNT_CREDIT_PROLONG=2),
        credit(2, AMT_CREDIT_SUM=0.1, AMT_CREDIT_SUM_DEBT=None, CNT_CREDIT_PROLONG=1),
    ]
    (row,) = rows_of("bureau", bureau=rows)
    assert row["BUREAU_TOTAL_CREDIT"] == 100.6
    assert row["BUREAU_TOTAL_DEBT"] == -7.25
    assert row["BUREAU_PROLONG_SUM"] == 3
    assert row["BUREAU_LIMIT_SUM"] is None


def test_utilisation_without_amount_is_huge_but_finite() -> None:
    """A credit with amount 0 counts in the mean with its debt times a million."""
    rows = [
        credit(1, AMT_CREDIT_SUM=0.0, AMT_CREDIT_SUM_DEBT=450_000.0),
        credit(2, AMT_CREDIT_SUM=100.0, AMT_CREDIT_SUM_DEBT=50.0),
        credit(3, AMT_CREDIT_SUM=100.0, AMT_CREDIT_SUM_DEBT=None),
    ]
    (row,) = rows_of("bureau", bureau=rows)
    expected = (450_000 / E + 50 / (100 + E)) / 2
    assert row["BUREAU_UTIL_MEAN"] == pytest.approx(expected, rel=1e-12)


def test_largest_overdue() -> None:
    """The largest overdue amount is taken over all credits, overdue today or not."""
    rows = [
        credit(1, AMT_CREDIT_MAX_OVERDUE=None, AMT_CREDIT_SUM_OVERDUE=1.0),
        credit(2, AMT_CREDIT_MAX_OVERDUE=8.5, AMT_CREDIT_SUM_OVERDUE=2.5),
    ]
    (row,) = rows_of("bureau", bureau=rows)
    assert (row["BUREAU_MAX_OVERDUE"], row["BUREAU_OVERDUE_SUM"]) == (8.5, 3.5)


def test_delinquent_share_is_a_mean_over_credits() -> None:
    """Each credit counts once, however long its history; 0, C and X are not delinquent."""
    histories = [*months(1, "0120"), *months(2, "0CX0000000")]
    (row,) = rows_of("bureau_balance", bureau=[credit(1), credit(2)], bureau_balance=histories)
    assert row["BB_DELINQ_SHARE_MEAN"] == (0.5 + 0) / 2


def test_worst_status_over_all_credits() -> None:
    """The worst status is the largest number, letters counting as 0."""
    histories = [*months(1, "X1C"), *months(2, "0052")]
    (row,) = rows_of("bureau_balance", bureau=[credit(1), credit(2)], bureau_balance=histories)
    assert row["BB_WORST_STATUS_MAX"] == 5


def test_months_since_the_latest_delinquency() -> None:
    """Months are counted back from the application to the latest late month of any credit."""
    histories = [*months(1, "1000"), *months(2, "300300"), *months(3, "CC")]
    lent = [credit(1), credit(2), credit(3)]
    (row,) = rows_of("bureau_balance", bureau=lent, bureau_balance=histories)
    assert row["BB_MONTHS_SINCE_LAST_DELINQ_MIN"] == 2


def test_never_delinquent_has_no_month() -> None:
    """Without a late month the share and worst status are 0 and the months are null."""
    (row,) = rows_of("bureau_balance", bureau=[credit(1)], bureau_balance=months(1, "0CX"))
    assert row == {
        "SK_ID_CURR": 1,
        "BB_DELINQ_SHARE_MEAN": 0.0,
        "BB_WORST_STATUS_MAX": 0,
        "BB_MONTHS_SINCE_LAST_DELINQ_MIN": None,
    }


def test_credits_without_history_do_not_count() -> None:
    """The mean is over credits that have a history."""
    lent = [credit(1), credit(2)]
    (row,) = rows_of("bureau_balance", bureau=lent, bureau_balance=months(1, "1"))
    assert row["BB_DELINQ_SHARE_MEAN"] == 1.0


def test_history_without_credit_is_nobody_s() -> None:
    """Months whose credit is not in bureau are left out."""
    assert rows_of("bureau_balance", bureau=[credit(1)], bureau_balance=months(9, "5")) == []


def test_no_credits_no_rows() -> None:
    """Empty tables give empty features."""
    assert rows_of("bureau") == rows_of("bureau_balance") == []
