"""From a raw log-odds score to a PD: an affine map and one link function, used in every form."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from creditrisk.core.report import Report
from creditrisk.models.errors import CalibrationNotFitted, InvertedCalibration

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Beyond it a PD is 0 or 1 in double precision, and exp would overflow.
LARGEST_LOG_ODDS = 700.0
_MAX_NEWTON_STEPS = 50
_TOLERANCE = 1e-12


def link(log_odds: NDArray[np.float64]) -> NDArray[np.float64]:
    """The logistic function of each value.

    It calls the C library's exp, never numpy's: numpy picks its own exp by processor, and the
    last bit of a PD would depend on the machine.
    """
    bounded = np.clip(log_odds, -LARGEST_LOG_ODDS, LARGEST_LOG_ODDS).tolist()
    return np.array([1 / (1 + math.exp(-value)) for value in bounded])


class AffineCalibration(Report):
    """PD = link(slope * raw + intercept); a positive slope keeps the order of applicants."""

    slope: Annotated[float, Field(gt=0)] = 1.0
    intercept: float = 0.0

    def probabilities(self, raw_scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """The PD of each raw log-odds score."""
        return link(self.slope * raw_scores + self.intercept)


def fit_platt(raw_scores: NDArray[np.float64], target: NDArray[np.int8]) -> AffineCalibration:
    """Fit slope and intercept by maximum likelihood (Newton's method, exactly rounded sums).

    Raises:
        InvertedCalibration: the best slope is not above 0.
        CalibrationNotFitted: the likelihood has no finite maximum.

    Source: Platt, Probabilistic outputs for support vector machines (1999), without the prior's
    smoothing of the labels, which would bias the mean PD.
    """
    if np.ptp(raw_scores) == 0:
        raise InvertedCalibration(0.0)
    centre, scale = float(np.mean(raw_scores)), float(np.std(raw_scores))
    standard = (raw_scores - centre) / scale
    slope, intercept = _maximum_likelihood(standard, target)
    if slope <= 0:
        raise InvertedCalibration(slope / scale)
    return AffineCalibration(slope=slope / scale, intercept=intercept - slope * centre / scale)


def _maximum_likelihood(
    score: NDArray[np.float64], target: NDArray[np.int8]
) -> tuple[float, float]:
    rate = float(np.mean(target))
    slope, intercept = 0.0, math.log(rate / (1 - rate))
    for _ in range(_MAX_NEWTON_STEPS):
        slope_step, intercept_step = _newton_step(score, target, slope, intercept)
        slope, intercept = slope + slope_step, intercept + intercept_step
        if abs(slope_step) + abs(intercept_step) < _TOLERANCE * (1 + abs(slope)):
            return slope, intercept
    raise CalibrationNotFitted(len(target), int(target.sum()))


def _newton_step(
    score: NDArray[np.float64], target: NDArray[np.int8], slope: float, intercept: float
) -> tuple[float, float]:
    probability = link(slope * score + intercept)
    residual = target - probability
    weight = probability * (1 - probability)
    total, first, second = (math.fsum(weight * score**power) for power in (0, 1, 2))
    determinant = total * second - first * first
    if determinant <= 0 or not math.isfinite(determinant):
        raise CalibrationNotFitted(len(target), int(target.sum()))
    by_slope, by_intercept = math.fsum(residual * score), math.fsum(residual)
    return (
        (total * by_slope - first * by_intercept) / determinant,
        (second * by_intercept - first * by_slope) / determinant,
    )
