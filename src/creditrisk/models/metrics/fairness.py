"""Differences between groups in who is approved.

They describe; whether a difference is justified is for people and the law to say.
"""

from __future__ import annotations

import math

from creditrisk.models.metrics.intervals import Estimate, standard_deviate
from creditrisk.models.metrics.observations import NotMeasurable


def rate_ratio(
    group: tuple[int, int], reference: tuple[int, int], confidence: float = 0.95
) -> Estimate:
    """A group's rate over the reference group's, each as successes and trials.

    The interval is log-normal, computed with half a success more in both groups, so that a group
    without any success has one too (Walter's correction).

    Raises:
        NotMeasurable: a group is empty, or the reference group has no success.

    Source: Katz, Baptista, Azen, Pike, Obtaining confidence intervals for the risk ratio (1978);
    Walter, The distribution of Levin's measure of attributable risk (1976). The ratio of selection
    rates is that of the Uniform Guidelines, 29 CFR 1607.4(D).
    """
    (successes, trials), (other_successes, other_trials) = group, reference
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


def _require_rows(*trials: int) -> None:
    if min(trials) < 1:
        raise NotMeasurable("a group has no row", "at least one is required in each")
