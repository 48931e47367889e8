"""How true PDs are: proper scores, observed over expected defaults, recalibration, ECE."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from creditrisk.models.metrics.bands import risk_bands
from creditrisk.models.metrics.intervals import (
    Estimate,
    mean_estimate,
    normal_estimate,
    wilson_interval,
)
from creditrisk.models.metrics.log_odds import (
    SMALLEST_PD,
    fit_line,
    log_odds_of,
    mean_matching_shift,
    overlap,
    sigmoid,
)
from creditrisk.models.metrics.observations import (
    NotMeasurable,
    checked,
    checked_probabilities,
    require_both_outcomes,
)

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


@dataclass(frozen=True, slots=True)
class Recalibration:
    """The logistic regression of the outcome on logit(PD): intercept 0 and slope 1 are perfect."""

    intercept: Estimate
    slope: Estimate


def log_loss(target: ArrayLike, pd: ArrayLike, confidence: float = 0.95) -> Estimate:
    """Mean negative log-likelihood a row, in nats; PDs of 0 and 1 count as 1e-15 and 1 - 1e-15."""
    outcomes, probabilities = checked_probabilities(target, pd)
    inner = np.clip(probabilities, SMALLEST_PD, 1 - SMALLEST_PD)
    return mean_estimate(-np.where(outcomes, np.log(inner), np.log1p(-inner)), confidence)


def brier_score(target: ArrayLike, pd: ArrayLike, confidence: float = 0.95) -> Estimate:
    """Mean squared distance between PD and outcome."""
    outcomes, probabilities = checked_probabilities(target, pd)
    return mean_estimate((probabilities - outcomes) ** 2, confidence)


def default_rate(target: ArrayLike, confidence: float = 0.95) -> Estimate:
    """Share of defaulters with Wilson's interval."""
    outcomes, _ = checked(target, np.zeros(np.size(target)))
    defaults = int(outcomes.sum())
    return Estimate(defaults / outcomes.size, *wilson_interval(defaults, outcomes.size, confidence))


def observed_expected(target: ArrayLike, pd: ArrayLike, confidence: float = 0.95) -> Estimate:
    """Defaults over the sum of PDs; 1 is perfect.

    The interval says how far the ratio lies from chance alone if every PD were true: the defaults
    then vary by the summed p (1 - p).

    Raises:
        NotMeasurable: also where all PDs are 0.
    """
    outcomes, probabilities = checked_probabilities(target, pd)
    expected = float(probabilities.sum())
    if expected == 0:
        raise NotMeasurable("all PDs are 0", "a PD above 0 is required")
    deviation = math.sqrt(float((probabilities * (1 - probabilities)).sum())) / expected
    return normal_estimate(float(outcomes.sum()) / expected, deviation, confidence, lowest=0)


def recalibration(
    target: ArrayLike, pd: ArrayLike, confidence: float = 0.95
) -> Recalibration | None:
    """Fit logit(P(default)) = intercept + slope logit(PD) by maximum likelihood.

    None where no finite fit exists: all PDs are equal, or they separate the outcomes.

    Source: Cox, Two further applications of a model for binary regression (1958).
    """
    outcomes, probabilities = checked_probabilities(target, pd)
    require_both_outcomes(outcomes)
    log_odds = log_odds_of(probabilities)
    if not overlap(outcomes, log_odds):
        return None
    line, deviations = fit_line(log_odds, outcomes)
    intercept, slope = (
        normal_estimate(float(value), float(deviation), confidence)
        for value, deviation in zip(line, deviations, strict=True)
    )
    return Recalibration(intercept, slope)


def calibration_in_the_large(
    target: ArrayLike, pd: ArrayLike, confidence: float = 0.95
) -> Estimate:
    """The shift of all log-odds that makes the mean PD equal the default rate; 0 is perfect."""
    outcomes, probabilities = checked_probabilities(target, pd)
    require_both_outcomes(outcomes)
    log_odds = log_odds_of(probabilities)
    shift = mean_matching_shift(log_odds, float(np.mean(outcomes)))
    probability = sigmoid(log_odds + shift)
    information = max(float(np.sum(probability * (1 - probability))), SMALLEST_PD)
    return normal_estimate(shift, 1 / math.sqrt(information), confidence)


def expected_calibration_error(target: ArrayLike, pd: ArrayLike, bins: int = 10) -> float:
    """Mean distance between default rate and mean PD over bands of equal size, by rows.

    It is above 0 for true PDs too, about 0.8 sqrt(p (1 - p) bins / n): compare with that.
    """
    bands = risk_bands(target, pd, bins)
    distances = [band.rows * abs(band.default_rate - band.mean_pd) for band in bands]
    return math.fsum(distances) / sum(band.rows for band in bands)
