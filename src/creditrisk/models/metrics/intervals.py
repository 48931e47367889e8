"""Values with their confidence intervals."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from creditrisk.models.metrics.observations import Floats


class Interval(NamedTuple):
    """The two ends of a confidence interval."""

    low: float
    high: float


class Estimate(NamedTuple):
    """A value with its confidence interval."""

    value: float
    low: float
    high: float


def wilson_interval(successes: int, trials: int, confidence: float = 0.95) -> Interval:
    """Wilson's score interval of a share; it stays inside [0, 1] for few trials too.

    Source: Brown, Cai, DasGupta, Interval estimation for a binomial proportion (2001).
    """
    z = standard_deviate(confidence)
    share = successes / trials
    centre = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    reach = math.sqrt(share * (1 - share) / trials + (z / (2 * trials)) ** 2)
    reach *= z / (1 + z * z / trials)
    return Interval(
        low=0.0 if successes == 0 else max(0.0, centre - reach),
        high=1.0 if successes == trials else min(1.0, centre + reach),
    )


def normal_estimate(
    value: float,
    deviation: float,
    confidence: float,
    *,
    lowest: float = -math.inf,
    highest: float = math.inf,
) -> Estimate:
    """A value with the interval of a normal law, cut at `lowest` and `highest`."""
    reach = standard_deviate(confidence) * deviation
    return Estimate(value, max(lowest, value - reach), min(highest, value + reach))


def mean_estimate(values: Floats, confidence: float) -> Estimate:
    """The mean of values that are never negative, with its interval by the central limit."""
    deviation = float(np.std(values, ddof=1)) / math.sqrt(values.size) if values.size > 1 else 0.0
    return normal_estimate(float(np.mean(values)), deviation, confidence, lowest=0)


def standard_deviate(confidence: float) -> float:
    """How many standard deviations a two-sided interval reaches: 1.96 for 0.95."""
    return NormalDist().inv_cdf((1 + confidence) / 2)
