"""`installments_payments.sql`: given rows, expected rows."""

from __future__ import annotations

from statistics import mean, stdev
from typing import Any

import pytest
from portfolio import rows_of

E = 1e-6
LOANS = [{"SK_ID_PREV": 11, "SK_ID_CURR": 1}, {"SK_ID_PREV": 12, "SK_ID_CURR": 1}]


def paid(loan: int, amount: float | None, of: float | None = 100.0) -> dict[str, Any]:
    """A payment of an amount, of what was due."""
    return {"SK_ID_PREV": loan, "AMT_PAYMENT": amount, "AMT_INSTALMENT": of}


def late(loan: int, days: float | None) -> dict[str, Any]:
    """A payment some days after it was due; None is not yet paid."""
    entry = None if days is None else days - 100.0
    return {"SK_ID_PREV": loan, "DAYS_INSTALMENT": -100.0, "DAYS_ENTRY_PAYMENT": entry}


def features(*payments: dict[str, Any]) -> dict[str, Any]:
    (row,) = rows_of(
        "installments_payments", previous_application=LOANS, installments_payments=payments
    )
    return row


def test_payment_ratio_is_a_mean_over_loans() -> None:
    """Each loan counts once, however many payments it has; unpaid ones are left out."""
    row = features(paid(11, 100.0), paid(11, 50.0), paid(11, None), paid(12, 25.0))
    expected = mean([mean([100 / (100 + E), 50 / (100 + E)]), 25 / (100 + E)])
    assert row["INSTAL_PAYMENT_RATIO_MEAN"] == pytest.approx(expected, rel=1e-14)


def test_payment_ratio_deviation_is_that_of_a_sample() -> None:
    """The deviation divides by n - 1; a loan with one payment has none and is left out."""
    row = features(paid(11, 100.0), paid(11, 50.0), paid(11, 90.0), paid(12, 25.0))
    expected = stdev([100 / (100 + E), 50 / (100 + E), 90 / (100 + E)])
    assert row["INSTAL_PAYMENT_RATIO_STD"] == pytest.approx(expected, rel=1e-14)


def test_equal_payments_do_not_deviate() -> None:
    """Payments alike deviate by exactly 0, even where the instalment is 0."""
    row = features(paid(11, 7.0, of=0.0), paid(11, 7.0, of=0.0), paid(11, 7.0, of=0.0))
    assert row["INSTAL_PAYMENT_RATIO_STD"] == 0.0


@pytest.mark.parametrize("ratios", [(1e12, 0.5, 1.0), (1.0, 1 - 3e-10, 1 - 4e-10), (0.0, 1e-9)])
def test_deviation_keeps_its_digits(ratios: tuple[float, ...]) -> None:
    """Deviations are right whether ratios differ by 1e-10 or by 1e12."""
    row = features(*(paid(11, ratio * 1e-6, of=0.0) for ratio in ratios))
    expected = stdev([ratio * 1e-6 / (0.0 + E) for ratio in ratios])
    assert row["INSTAL_PAYMENT_RATIO_STD"] == pytest.approx(expected, rel=1e-9)


def test_single_payments_have_no_deviation() -> None:
    """Where every loan has one payment the deviation is null."""
    assert features(paid(11, 1.0), paid(12, 2.0))["INSTAL_PAYMENT_RATIO_STD"] is None


def test_late_days() -> None:
    """Early payments count with negative days; the longest delay is taken over all loans."""
    row = features(late(11, -3), late(11, 5), late(12, 10), late(12, None))
    assert row["INSTAL_LATE_MEAN"] == mean([1, 10])
    assert row["INSTAL_LATE_MAX"] == 10


def test_late_shares() -> None:
    """Late is more than 0 days, severely late more than 30; not yet paid is not late."""
    row = features(late(11, 0), late(11, 30), late(11, 31), late(11, None), late(12, -1))
    assert row["INSTAL_LATE_SHARE"] == mean([2 / 4, 0])
    assert row["INSTAL_SEVERE_LATE_SHARE"] == mean([1 / 4, 0])


def test_severe_share_is_not_thirty_times_the_late_share() -> None:
    """The error of the signed-off notebook is corrected: a share never exceeds 1."""
    row = features(late(11, 1), late(11, 2))
    assert row["INSTAL_SEVERE_LATE_SHARE"] == 0.0


def test_unpaid_loans_have_nulls_and_zero_shares() -> None:
    """A loan of which nothing is paid yet has no ratio and no late days."""
    row = features(late(11, None) | {"AMT_PAYMENT": None})
    assert row["INSTAL_LATE_MEAN"] is None
    assert row["INSTAL_PAYMENT_RATIO_MEAN"] is None
    assert row["INSTAL_LATE_SHARE"] == 0.0


def test_loans_of_nobody_are_left_out() -> None:
    """Payments count only for a loan in previous_application, for the applicant named there."""
    payments = [late(99, 40) | {"SK_ID_CURR": 1}, late(11, 2) | {"SK_ID_CURR": 5}]
    row = features(*payments)
    assert (row["SK_ID_CURR"], row["INSTAL_LATE_MAX"]) == (1, 2)


def test_no_payments_no_rows() -> None:
    """An empty table gives empty features."""
    assert rows_of("installments_payments", previous_application=LOANS) == []
