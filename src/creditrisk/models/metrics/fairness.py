"""Differences between groups in who is approved.

They describe; whether a difference is justified is for people and the law to say.
"""

from __future__ import annotations

import math

from creditrisk.models.metrics.intervals import Estimate, standard_deviate, wilson_interval
from creditrisk.models.metrics.observations import NotMeasurable


def rate_ratio(
    successes: int, trials: int, reference: tuple[int, int], confidence: float = 0.95
) -> Estimate:
    """A group's rate over the reference group's, with a log-normal interval.

    The interval is computed with half a success more in both groups, so that a group without any
    success has one too (Walter's correction).

    `reference` holds successes and trials of the reference group.

    Raises:
        NotMeasurable: a group is empty, or the reference group has no success.

    Source: Katz, Baptista, Azen, Pike, Obtaining confidence intervals for the risk ratio (1978);
    Walter, The distribution of Levin's measure of attributable risk (1976). The ratio of selection
    rates is that of the Uniform Guidelines, 29 CFR 1607.4(D).
    """
    other_successes, other_trials = reference
    _require_rows(trials, other_trials)
    if not other_successes:
        raise NotMeasurable("the reference group has no success", "its rate divides the others'")
    value = (successes / trials) / (other_successes / other_trials)
    a, b = successes + 0.5, other_successes + 0.5
    n, m = trials + 0.5, other_trials + 0.5
    centre = math.log(a / n / (b / m))
    reach = standard_deviate(confidence) * math.sqrt(max(0.0, 1 / a - 1 / n + 1 / b - 1 / m))
    low, high = math.exp(centre - reach), math.exp(centre + reach)
    return Estimate(value, min(low, value), max(high, value))


def rate_difference(
    successes: int, trials: int, reference: tuple[int, int], confidence: float = 0.95
) -> Estimate:
    """A group's rate minus the reference group's, with Newcombe's interval.

    Raises:
        NotMeasurable: a group is empty.

    Source: Newcombe, Interval estimation for the difference between independent proportions
    (1998), method 10. Of approvals among those who repaid it is the gap in equal opportunity:
    Hardt, Price, Srebro, Equality of opportunity in supervised learning (2016).
    """
    other_successes, other_trials = reference
    _require_rows(trials, other_trials)
    rate, other = successes / trials, other_successes / other_trials
    low, high = wilson_interval(successes, trials, confidence)
    other_low, other_high = wilson_interval(other_successes, other_trials, confidence)
    return Estimate(
        rate - other,
        rate - other - math.hypot(rate - low, other_high - other),
        rate - other + math.hypot(high - rate, other - other_low),
    )


def _require_rows(*trials: int) -> None:
    if min(trials) < 1:
        raise NotMeasurable("a group has no row", "at least one is required in each")
