"""From a PD to a grade and a decision, by the lender's policy."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from creditrisk.scoring.errors import NotProbabilities

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from creditrisk.core.settings import PolicySettings

Decision = Literal["approve", "refer", "decline"]
DECISIONS: tuple[Decision, ...] = get_args(Decision)  # in the order of rising PD


def grade_of(pd: ArrayLike, policy: PolicySettings) -> NDArray[np.str_]:
    """The grade of each PD: the first whose bound it stays below; a PD of 1 has the last.

    Raises:
        NotProbabilities: a value is NaN, below 0 or above 1.
    """
    grades, bounds = list(policy.grades), list(policy.grades.values())
    return np.array(grades)[np.minimum(_bands(pd, bounds), len(grades) - 1)]


def decision_of(pd: ArrayLike, policy: PolicySettings) -> NDArray[np.str_]:
    """The decision on each PD: approve below `approve_below`, decline from `decline_from` on.

    Raises:
        NotProbabilities: a value is NaN, below 0 or above 1.
    """
    return np.array(DECISIONS)[_bands(pd, [policy.approve_below, policy.decline_from])]


class PolicyLadder:
    """Both for one PD at a time, which as a vector of one would take ten times as long."""

    def __init__(self, policy: PolicySettings) -> None:
        self._decision_bounds = (policy.approve_below, policy.decline_from)
        self._grades = tuple(policy.grades)
        self._grade_bounds = tuple(policy.grades.values())[:-1]  # a PD of 1 has the last grade

    def of(self, pd: float) -> tuple[Decision, str]:
        """Decision and grade of a PD.

        Raises:
            NotProbabilities: it is NaN, below 0 or above 1.
        """
        if not 0 <= pd <= 1:
            raise NotProbabilities(1, pd)
        decision = DECISIONS[bisect_right(self._decision_bounds, pd)]
        return decision, self._grades[bisect_right(self._grade_bounds, pd)]


def _bands(pd: ArrayLike, bounds: list[float]) -> NDArray[np.int64]:
    """How many of the rising bounds each PD has reached."""
    values = np.asarray(pd, np.float64)
    refused = values[~((values >= 0) & (values <= 1))]
    if refused.size:
        raise NotProbabilities(refused.size, float(refused.flat[0]))
    return np.searchsorted(bounds, values, side="right").astype(np.int64)
