"""Outcomes and scores that a metric can be computed of, and the refusal of others."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from creditrisk.core.errors import CreditRiskError

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
Outcomes = NDArray[np.bool_]


class NotMeasurable(CreditRiskError):
    """Outcomes and scores do not allow the metric."""

    def __init__(self, seen: str, required: str) -> None:
        super().__init__(f"Not measured: {seen}; {required}.")


def checked(target: ArrayLike, score: ArrayLike) -> tuple[Outcomes, Floats]:
    """Outcomes as booleans and scores as doubles, one of each a row.

    Raises:
        NotMeasurable: no rows, different lengths, an unknown outcome, a score that is not finite.
    """
    outcomes, scores = np.asarray(target), np.asarray(score, dtype=np.float64)
    if outcomes.shape != scores.shape or outcomes.ndim != 1:
        seen = f"outcomes of shape {outcomes.shape} and scores of shape {scores.shape}"
        raise NotMeasurable(seen, "one score a row is required")
    if not outcomes.size:
        raise NotMeasurable("there is no row", "at least one is required")
    if not np.isin(outcomes, (0, 1)).all():
        raise NotMeasurable("an outcome is neither 0 nor 1", "every outcome must be known")
    if not np.isfinite(scores).all():
        seen = f"{int(np.sum(~np.isfinite(scores)))} scores are not finite"
        raise NotMeasurable(seen, "every row needs a score")
    return outcomes.astype(bool), scores


def checked_probabilities(target: ArrayLike, pd: ArrayLike) -> tuple[Outcomes, Floats]:
    """Outcomes and PDs.

    Raises:
        NotMeasurable: as `checked`, and for PDs outside [0, 1].
    """
    outcomes, probabilities = checked(target, pd)
    outside = int(np.sum((probabilities < 0) | (probabilities > 1)))
    if outside:
        raise NotMeasurable(f"{outside} PDs lie outside [0, 1]", "PDs are probabilities")
    return outcomes, probabilities


def require_both_outcomes(outcomes: Outcomes) -> None:
    """Refuse rows that are all defaults, or none.

    Raises:
        NotMeasurable.
    """
    defaults = int(outcomes.sum())
    if defaults in {0, outcomes.size}:
        seen = f"{defaults} of {outcomes.size} rows are defaults"
        raise NotMeasurable(seen, "both outcomes must occur")
