"""`credit_card_balance.sql`: given rows, expected rows."""

from __future__ import annotations

from statistics import mean
from typing import Any

import pytest
from portfolio import rows_of

E = 1e-6
CARDS = [{"SK_ID_PREV": 11, "SK_ID_CURR": 1}, {"SK_ID_PREV": 12, "SK_ID_CURR": 1}]


def month(card: int, **values: Any) -> dict[str, Any]:
    return {"SK_ID_PREV": card, **values}


def used(card: int, balance: float, limit: int, cash: float | None = None) -> dict[str, Any]:
    values = {"AMT_CREDIT_LIMIT_ACTUAL": limit, "AMT_DRAWINGS_ATM_CURRENT": cash}
    return month(card, AMT_BALANCE=balance, **values)


def paid(card: int, amount: float, minimum: float | None) -> dict[str, Any]:
    return month(card, AMT_PAYMENT_TOTAL_CURRENT=amount, AMT_INST_MIN_REGULARITY=minimum)


def features(*months: dict[str, Any]) -> dict[str, Any]:
    (row,) = rows_of("credit_card_balance", previous_application=CARDS, credit_card_balance=months)
    return row


def test_utilisation() -> None:
    """The mean is over cards, the maximum over all months; a balance may be negative."""
    row = features(used(11, 50.0, 100), used(11, 100.0, 100), used(12, -10.0, 100))
    expected = mean([mean([50 / (100 + E), 100 / (100 + E)]), -10 / (100 + E)])
    assert row["CC_UTIL_MEAN"] == pytest.approx(expected, rel=1e-14)
    assert row["CC_UTIL_MAX"] == 100 / (100 + E)


def test_utilisation_without_limit_is_huge_but_finite() -> None:
    """A limit of 0 counts with the balance times a million."""
    row = features(used(11, 3.0, 0), used(11, 1.0, 2))
    assert row["CC_UTIL_MEAN"] == pytest.approx(mean([3 / E, 1 / (2 + E)]), rel=1e-12)


def test_minimum_payment() -> None:
    """Unknown minimum payments leave the mean alone and count as not met."""
    row = features(paid(11, 30.0, 20.0), paid(11, 10.0, 20.0), paid(11, 10.0, None))
    assert row["CC_MINPAY_COVERAGE_MEAN"] == pytest.approx(mean([30, 10]) / (20 + E), rel=1e-14)
    assert row["CC_MINPAY_MET_SHARE"] == 1 / 3


def test_minimum_payment_met_to_the_cent_is_not_met() -> None:
    """The signed-off coverage divides by the minimum plus 1e-6, so paying it exactly falls short."""
    assert features(paid(11, 20.0, 20.0))["CC_MINPAY_MET_SHARE"] == 0.0


def test_overdue_months() -> None:
    """A month is overdue by either count; unknown counts are not overdue."""
    row = features(
        month(11, SK_DPD=0, SK_DPD_DEF=0),
        month(11, SK_DPD=9, SK_DPD_DEF=0),
        month(11, SK_DPD=None, SK_DPD_DEF=1),
        month(11, SK_DPD=None, SK_DPD_DEF=None),
        month(12, SK_DPD=0, SK_DPD_DEF=0),
    )
    assert row["CC_DPD_ANY_SHARE"] == mean([2 / 4, 0])
    assert row["CC_DPD_MAX"] == 9


def test_cash_ratio() -> None:
    """Cash drawn is compared with the limit; months without the figure are left out."""
    row = features(used(11, 0.0, 100, cash=25.0), used(11, 0.0, 100, cash=None))
    assert row["CC_CASH_RATIO_MEAN"] == 25 / (100 + E)


def test_cards_of_nobody_are_left_out() -> None:
    """Months count only for a card in previous_application, for the applicant named there."""
    row = features(month(99, SK_DPD=900, SK_ID_CURR=1), month(12, SK_DPD=3, SK_ID_CURR=5))
    assert (row["SK_ID_CURR"], row["CC_DPD_MAX"]) == (1, 3)


def test_no_months_no_rows() -> None:
    """An empty table gives empty features."""
    assert rows_of("credit_card_balance", previous_application=CARDS) == []
