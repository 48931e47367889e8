"""`previous_application.sql`: given rows, expected rows."""

from __future__ import annotations

from typing import Any

from portfolio import rows_of


def earlier(number: int, **values: Any) -> dict[str, Any]:
    return {"SK_ID_CURR": 1, "SK_ID_PREV": number, **values}


def features(*rows: dict[str, Any]) -> dict[str, Any]:
    (row,) = rows_of("previous_application", previous_application=rows)
    return row


def test_outcomes_are_counted() -> None:
    """Each status has its count, and rates are shares of all earlier applications."""
    statuses = ("Approved", "Approved", "Refused", "Canceled", "Unused offer")
    row = features(*(earlier(n, NAME_CONTRACT_STATUS=s) for n, s in enumerate(statuses)))
    assert row["PREV_TOTAL"] == 5
    assert (row["PREV_APPROVED"], row["PREV_REFUSED"]) == (2, 1)
    assert (row["PREV_CANCELLED"], row["PREV_UNUSED"]) == (1, 1)
    assert (row["PREV_APPROVAL_RATE"], row["PREV_REFUSED_RATE"]) == (0.4, 0.2)


def test_repeated_applications_count_once() -> None:
    """PREV_TOTAL counts distinct SK_ID_PREV."""
    assert features(earlier(7), earlier(7), earlier(8))["PREV_TOTAL"] == 2


def test_ratios_leave_out_credits_of_zero() -> None:
    """A credit of 0 has no ratio; the mean is over the others."""
    row = features(
        earlier(1, AMT_APPLICATION=50.0, AMT_CREDIT=100.0, AMT_DOWN_PAYMENT=10.0),
        earlier(2, AMT_APPLICATION=100.0, AMT_CREDIT=100.0, AMT_DOWN_PAYMENT=None),
        earlier(3, AMT_APPLICATION=70.0, AMT_CREDIT=0.0, AMT_DOWN_PAYMENT=70.0),
    )
    assert row["PREV_APP_CREDIT_RATIO_MEAN"] == 0.75
    assert row["PREV_DOWNPAYMENT_RATE_MEAN"] == 0.1


def test_only_credits_of_zero_have_no_ratio() -> None:
    """Where no credit has an amount the ratios are null."""
    row = features(earlier(1, AMT_APPLICATION=70.0, AMT_CREDIT=0.0))
    assert row["PREV_APP_CREDIT_RATIO_MEAN"] is None
    assert row["PREV_DOWNPAYMENT_RATE_MEAN"] is None


def test_terms_and_decisions() -> None:
    """The mean term leaves nulls out; decisions have a latest and an earliest day."""
    row = features(
        earlier(1, CNT_PAYMENT=12.0, DAYS_DECISION=-400),
        earlier(2, CNT_PAYMENT=None, DAYS_DECISION=-20),
        earlier(3, CNT_PAYMENT=6.0, DAYS_DECISION=-90),
    )
    assert row["PREV_CNT_PAYMENT_MEAN"] == 9.0
    assert (row["PREV_LAST_DECISION_DAYS"], row["PREV_EARLIEST_DECISION_DAYS"]) == (-20, -400)


def test_no_applications_no_rows() -> None:
    """An empty table gives empty features."""
    assert rows_of("previous_application") == []
