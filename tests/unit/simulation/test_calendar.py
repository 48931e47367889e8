"""Simulated time: past, in order, and long enough for outcomes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from creditrisk.simulation.calendar import OUTCOME_DAYS, SimulatedClock, SimulatedMonth

ALL = [SimulatedMonth(number) for number in range(1, 22)]


@pytest.mark.parametrize("month", ALL, ids=str)
def test_months_follow_one_another(month: SimulatedMonth) -> None:
    """A month ends when the next begins, also over the turn of a year."""
    assert month.begin < month.end == SimulatedMonth(month.number + 1).begin
    assert month.begin.day == 1


@pytest.mark.parametrize("month", ALL, ids=str)
def test_all_outcomes_of_a_month_stand_at_the_end_of_the_next(month: SimulatedMonth) -> None:
    """Those of its last day too, however short the next month is."""
    final = month.moments(31)[-1] + timedelta(days=OUTCOME_DAYS)
    assert final < SimulatedMonth(month.number + 1).end


def test_no_simulated_moment_lies_in_the_future() -> None:
    """Monitoring refuses outcomes of a day that has not come."""
    assert ALL[-1].end < datetime.now(UTC)


def test_moments_spread_over_the_whole_month() -> None:
    """The first is its begin, all lie before its end, evenly."""
    month = SimulatedMonth(2)
    moments = month.moments(29)
    assert moments[0] == month.begin
    assert {later - one for one, later in pairwise(moments)} == {timedelta(days=1)}
    assert moments[-1] < month.end


def test_the_clock_never_says_the_same_moment_twice() -> None:
    """So that what is recorded later is later."""
    clock = SimulatedClock(ALL[0].begin)
    assert clock() < clock()
    clock.set(ALL[1].begin)
    assert ALL[1].begin < clock() < ALL[1].begin + timedelta(seconds=1)
