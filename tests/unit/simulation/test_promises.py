"""What monitoring should do is judged by what it did."""

from __future__ import annotations

from timelines import PROMOTED, REFUSED, TRIGGERED, month, played

from creditrisk.simulation.promises import promises
from creditrisk.simulation.timeline import TimelineMonth


def kept(scenario: str, *months: TimelineMonth) -> list[bool]:
    """Whether each promise of the scenario is kept, in their order."""
    return [one.kept for one in promises(played(scenario), months)]


def shifted(number: int, **facts: object) -> TimelineMonth:
    """A month in which the scenario holds."""
    return month(number, shifted=True, **facts)


def test_a_quiet_scenario_promises_no_trigger_at_all() -> None:
    """One trigger in any month breaks it, and is told with its reason."""
    assert kept("none", month(1), month(2)) == [True]
    broken = promises(played("none"), [month(1), month(2, retraining=TRIGGERED)])
    assert [one.kept for one in broken] == [False]
    assert "2024-02" in broken[0].seen
    assert TRIGGERED.why in broken[0].seen


def test_a_trigger_before_the_shift_breaks_the_promise_of_quiet() -> None:
    """It is no answer to a shift that has not come."""
    months = (month(1, retraining=TRIGGERED), shifted(2), shifted(3))
    assert kept("prior", *months) == [False, False]


def test_a_trigger_must_come_within_two_months() -> None:
    """At the end of the second shifted month at the latest."""
    quick = (month(1), shifted(2), shifted(3, retraining=TRIGGERED))
    slow = (month(1), shifted(2), shifted(3), shifted(4, retraining=TRIGGERED))
    assert kept("covariate", *quick) == [True, True]
    assert kept("covariate", *slow) == [True, False]


def test_nothing_is_promised_of_months_that_have_not_come() -> None:
    """After one shifted month nobody can say that the trigger is late."""
    assert kept("concept", month(1), shifted(2)) == [True]
    assert kept("concept", shifted(1)) == []


def test_a_promoted_challenger_must_rank_later_months_better() -> None:
    """No promotion, no month behind it, or a worse ranking there break the promise."""
    trigger = shifted(2, retraining=TRIGGERED, promotion=PROMOTED)
    better, worse = (shifted(4, champion="2", gain=gain) for gain in (0.03, -0.03))
    assert kept("concept", month(1), trigger, shifted(3), better)[-1]
    assert not kept("concept", month(1), trigger, shifted(3), worse)[-1]
    refused = shifted(2, retraining=TRIGGERED, promotion=REFUSED)
    assert not kept("concept", month(1), refused, shifted(3), better)[-1]
    last = shifted(4, retraining=TRIGGERED, promotion=PROMOTED)
    assert not kept("concept", month(1), shifted(2), shifted(3), last)[-1]
