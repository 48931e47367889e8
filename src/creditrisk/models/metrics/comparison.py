"""Two models, or two groups, beside each other: what differs, and what of it chance explains."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from creditrisk.models.metrics.intervals import Estimate, normal_estimate, wilson_interval
from creditrisk.models.metrics.observations import (
    Floats,
    NotMeasurable,
    Outcomes,
    checked,
    require_both_outcomes,
)

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


class AucComparison(NamedTuple):
    """The ROC-AUC of two scores of the same rows, and the first less the second.

    `p_value` is two-sided, for the hypothesis that both rank equally well.
    """

    first: float
    second: float
    difference: Estimate
    p_value: float


class RankCorrelation(NamedTuple):
    """How far two scores put the same rows in the same order: 1 is the same, 0 is none."""

    spearman: float
    kendall: float


def compare_roc_auc(
    target: ArrayLike, first: ArrayLike, second: ArrayLike, confidence: float = 0.95
) -> AucComparison:
    """Compare how two scores rank the same rows: DeLong's paired test, in O(n log n).

    That the rows are the same is what makes it sharp: what both scores get wrong cancels.

    Raises:
        NotMeasurable: see the package; also with fewer than two rows of an outcome.

    Source: DeLong, DeLong, Clarke-Pearson (1988); Sun and Xu, Fast implementation of DeLong's
    algorithm (2014).
    """
    outcomes, one = checked(target, first)
    _, other = checked(target, second)
    require_both_outcomes(outcomes)
    if min(outcomes.sum(), (~outcomes).sum()) < 2:  # noqa: PLR2004
        seen = f"{outcomes.sum()} defaults and {(~outcomes).sum()} others have no variance"
        raise NotMeasurable(seen, "two rows of each outcome are required")
    below_one, above_one = _placements(outcomes, one)
    below_other, above_other = _placements(outcomes, other)
    deviation = math.sqrt(
        _variance_of_mean(below_one - below_other) + _variance_of_mean(above_one - above_other)
    )
    aucs = float(np.mean(below_one)), float(np.mean(below_other))
    difference = normal_estimate(aucs[0] - aucs[1], deviation, confidence, lowest=-1, highest=1)
    return AucComparison(*aucs, difference, _two_sided(difference.value, deviation))


def rank_correlation(first: ArrayLike, second: ArrayLike) -> RankCorrelation:
    """Spearman's rho (of mid-ranks) and Kendall's tau-b of two scores of the same rows.

    Raises:
        NotMeasurable: see the package; also where all scores of one are equal.
    """
    _, one = checked(np.zeros(np.size(first)), first)
    _, other = checked(np.zeros(np.size(first)), second)
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        raise NotMeasurable("all scores are equal", "a rank correlation needs two scores that vary")
    from scipy.stats import kendalltau

    ranks_one, ranks_other = _mid_ranks(one), _mid_ranks(other)
    spearman = float(np.corrcoef(ranks_one, ranks_other)[0, 1])
    return RankCorrelation(spearman, float(kendalltau(ranks_one, ranks_other).statistic))


def difference_of_shares(
    first: tuple[int, int], second: tuple[int, int], confidence: float = 0.95
) -> Estimate:
    """The first share less the second, each as successes and trials, of different rows.

    Raises:
        NotMeasurable: one has no trial.

    Source: Newcombe, Interval estimation for the difference between independent proportions
    (1998), method 10.
    """
    if not first[1] or not second[1]:
        seen = f"{first[1]} and {second[1]} trials"
        raise NotMeasurable(seen, "both shares need one")
    one, other = first[0] / first[1], second[0] / second[1]
    low_one, high_one = wilson_interval(*first, confidence)
    low_other, high_other = wilson_interval(*second, confidence)
    difference = one - other
    return Estimate(
        difference,
        difference - math.hypot(one - low_one, high_other - other),
        difference + math.hypot(high_one - one, other - low_other),
    )


def _placements(outcomes: Outcomes, scores: Floats) -> tuple[Floats, Floats]:
    """For each default the share of others below it, for each other that of defaults above it."""
    defaults, others = scores[outcomes], scores[~outcomes]
    return _share_below(others, defaults), 1 - _share_below(defaults, others)


def _share_below(sample: Floats, scores: Floats) -> Floats:
    """The share of a sample that each score exceeds, ties half."""
    ordered = np.sort(sample)
    twice = np.searchsorted(ordered, scores, "left") + np.searchsorted(ordered, scores, "right")
    share: Floats = twice / (2 * ordered.size)
    return share


def _mid_ranks(scores: Floats) -> Floats:
    _, codes, rows = np.unique(scores, return_inverse=True, return_counts=True)
    ranks: Floats = (np.cumsum(rows) - (rows - 1) / 2)[codes]
    return ranks


def _variance_of_mean(values: Floats) -> float:
    return float(np.var(values, ddof=1)) / values.size


def _two_sided(difference: float, deviation: float) -> float:
    if deviation == 0:
        return 1.0 if difference == 0 else 0.0
    return 2 * NormalDist().cdf(-abs(difference) / deviation)
