"""From a PD to a grade and a decision, by the lender's policy."""

from __future__ import annotations

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


def _bands(pd: ArrayLike, bounds: list[float]) -> NDArray[np.int64]:
    """How many of the rising bounds each PD has reached."""
    values = np.asarray(pd, np.float64)
    refused = values[~((values >= 0) & (values <= 1))]
    if refused.size:
        raise NotProbabilities(refused.size, float(refused.flat[0]))
    return np.searchsorted(bounds, values, side="right").astype(np.int64)
