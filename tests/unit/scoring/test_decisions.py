"""Grades and decisions by policy."""

from __future__ import annotations

import numpy as np
import pytest

from creditrisk.core.settings import PolicySettings
from creditrisk.scoring.decisions import PolicyLadder, decision_of, grade_of
from creditrisk.scoring.errors import NotProbabilities

POLICY = PolicySettings(approve_below=0.1, decline_from=0.2, grades={"A": 0.1, "B": 0.3, "C": 1.0})


def just_below(bound: float) -> float:
    return float(np.nextafter(bound, 0))


@pytest.mark.parametrize(
    ("pd", "decision"),
    [
        (0.0, "approve"),
        (just_below(0.1), "approve"),
        (0.1, "refer"),
        (just_below(0.2), "refer"),
        (0.2, "decline"),
        (1.0, "decline"),
    ],
)
def test_the_decision_changes_exactly_at_its_bounds(pd: float, decision: str) -> None:
    """Approved is who stays below the one bound, declined who reaches the other."""
    assert decision_of([pd], POLICY).tolist() == [decision]


@pytest.mark.parametrize(
    ("pd", "grade"),
    [
        (0.0, "A"),
        (just_below(0.1), "A"),
        (0.1, "B"),
        (just_below(0.3), "B"),
        (0.3, "C"),
        (just_below(1.0), "C"),
        (1.0, "C"),
    ],
)
def test_the_grade_changes_exactly_at_its_bounds(pd: float, grade: str) -> None:
    """A grade holds the PDs below its bound, the last one also a PD of 1."""
    assert grade_of([pd], POLICY).tolist() == [grade]


def test_without_a_zone_of_referral_nobody_is_referred() -> None:
    """Where both bounds are one, each applicant is approved or declined."""
    policy = PolicySettings(approve_below=0.15, decline_from=0.15)
    assert decision_of([just_below(0.15), 0.15], policy).tolist() == ["approve", "decline"]


def test_many_are_decided_as_each_alone() -> None:
    """The vector is decided element by element, in any shape."""
    pds = np.random.default_rng(0).random((20, 5))
    alone = [[decision_of(pd, POLICY).item() for pd in row] for row in pds]
    assert decision_of(pds, POLICY).tolist() == alone
    assert grade_of(pds, POLICY).shape == (20, 5)


@pytest.mark.parametrize("pd", [float("nan"), -0.1, 1.1])
@pytest.mark.parametrize("rule", [decision_of, grade_of])
def test_what_is_no_probability_is_not_decided(rule: object, pd: float) -> None:
    """An unknown or impossible PD is refused, never approved or referred."""
    with pytest.raises(NotProbabilities, match="1 PD"):
        rule([0.1, pd], POLICY)  # type: ignore[operator]


def test_nobody_has_no_decision() -> None:
    """An empty batch is decided as nothing."""
    assert decision_of([], POLICY).shape == (0,)


@pytest.mark.parametrize("bound", [0.0, 0.1, 0.2, 0.3, 1.0])
def test_one_pd_at_a_time_is_decided_as_a_vector(bound: float) -> None:
    """Both ways agree at each bound, just below it, and just above it."""
    for pd in (just_below(bound), bound, float(np.nextafter(bound, 1))):
        if 0 <= pd <= 1:
            alone = PolicyLadder(POLICY).of(pd)
            assert alone == (decision_of([pd], POLICY)[0], grade_of([pd], POLICY)[0])


@pytest.mark.parametrize("pd", [-1e-300, float(np.nextafter(1, 2)), float("nan")])
def test_what_is_no_probability_is_refused_alone_too(pd: float) -> None:
    """No applicant is decided on by a number that is none."""
    with pytest.raises(NotProbabilities):
        PolicyLadder(POLICY).of(pd)
