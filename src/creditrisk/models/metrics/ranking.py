"""How well scores rank applicants: ROC-AUC, Gini, KS, average precision and their curves."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from creditrisk.models.metrics.intervals import Estimate, normal_estimate, standard_deviate
from creditrisk.models.metrics.observations import (
    Counts,
    Floats,
    NotMeasurable,
    checked,
    require_both_outcomes,
)

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


@dataclass(frozen=True, slots=True)
class ScoreCounts:
    """Outcomes by distinct score, scores rising. Shapes (n_distinct,)."""

    scores: Floats
    defaults: Counts
    others: Counts


@dataclass(frozen=True, slots=True)
class RocCurve:
    """Shares of defaulters and of others with a score at or above each threshold, falling."""

    thresholds: Floats
    false_positive_rate: Floats
    true_positive_rate: Floats


@dataclass(frozen=True, slots=True)
class PrecisionRecallCurve:
    """Precision and recall when every score at or above the threshold, falling, is a default."""

    thresholds: Floats
    precision: Floats
    recall: Floats


@dataclass(frozen=True, slots=True)
class KolmogorovSmirnov:
    """The largest distance between both outcomes' score distributions, and where it is."""

    value: float
    low: float
    high: float
    score: float


def score_counts(target: ArrayLike, score: ArrayLike) -> ScoreCounts:
    """Count both outcomes at each distinct score; what every ranking metric needs.

    Raises:
        NotMeasurable: see the module.
    """
    outcomes, scores = checked(target, score)
    require_both_outcomes(outcomes)
    distinct, codes = np.unique(scores, return_inverse=True)
    rows = np.bincount(codes, minlength=distinct.size)
    defaults = np.bincount(codes[outcomes], minlength=distinct.size)
    return ScoreCounts(distinct, defaults.astype(np.int64), (rows - defaults).astype(np.int64))


def roc_auc(target: ArrayLike, score: ArrayLike) -> float:
    """The probability that a defaulter has a higher score than another applicant, ties half."""
    counts = score_counts(target, score)
    return _mean(_others_below(counts), counts.defaults)


def roc_auc_estimate(target: ArrayLike, score: ArrayLike, confidence: float = 0.95) -> Estimate:
    """The ROC-AUC with DeLong's interval, cut at 0 and 1, in O(n log n).

    Scores that separate the outcomes have the interval [1, 1].

    Raises:
        NotMeasurable: also with fewer than two rows of an outcome, which have no variance.

    Source: DeLong, DeLong, Clarke-Pearson (1988); Sun and Xu, Fast implementation of DeLong's
    algorithm (2014).
    """
    counts = score_counts(target, score)
    defaults, others = int(counts.defaults.sum()), int(counts.others.sum())
    if min(defaults, others) < 2:  # noqa: PLR2004
        seen = f"{defaults} defaults and {others} others have no variance"
        raise NotMeasurable(seen, "two rows of each outcome are required")
    below, above = _others_below(counts), _defaults_above(counts)
    value = _mean(below, counts.defaults)
    variance = (
        _variance(below, counts.defaults) / defaults + _variance(above, counts.others) / others
    )
    return normal_estimate(value, math.sqrt(variance), confidence, lowest=0, highest=1)


def gini(auc: float) -> float:
    """The Gini coefficient of that ROC-AUC."""
    return 2 * auc - 1


def kolmogorov_smirnov(
    target: ArrayLike, score: ArrayLike, confidence: float = 0.95
) -> KolmogorovSmirnov:
    """The largest gap between the shares of others and of defaulters at or below a score.

    The interval is that of a difference of two shares at the maximum: the place of a maximum
    changes its variance in the second order only.
    """
    counts = score_counts(target, score)
    defaults = np.cumsum(counts.defaults) / counts.defaults.sum()
    others = np.cumsum(counts.others) / counts.others.sum()
    place = int(np.argmax(np.abs(others - defaults)))
    share_defaults, share_others = float(defaults[place]), float(others[place])
    deviation = math.sqrt(
        share_defaults * (1 - share_defaults) / counts.defaults.sum()
        + share_others * (1 - share_others) / counts.others.sum()
    )
    gap = abs(share_others - share_defaults)
    estimate = normal_estimate(gap, deviation, confidence, lowest=0, highest=1)
    return KolmogorovSmirnov(*estimate, score=float(counts.scores[place]))


def average_precision(target: ArrayLike, score: ArrayLike, confidence: float = 0.95) -> Estimate:
    """The area under the precision-recall curve, as the sum of precision by step of recall.

    The interval is symmetric in log-odds and needs the number of defaulters only.

    Source: Boyd, Eng, Page, Area under the precision-recall curve (2013), eq. 6.
    """
    curve = precision_recall_curve(target, score)
    value = float(np.sum(np.diff(curve.recall, prepend=0.0) * curve.precision))
    if value >= 1:
        return Estimate(value, value, value)
    defaults = int(np.sum(np.asarray(target)))
    reach = standard_deviate(confidence) / math.sqrt(defaults * value * (1 - value))
    centre = math.log(value / (1 - value))
    return Estimate(value, _logistic(centre - reach), _logistic(centre + reach))


def roc_curve(target: ArrayLike, score: ArrayLike) -> RocCurve:
    """The ROC curve from (0, 0), threshold infinite, to (1, 1), one point a distinct score."""
    counts = score_counts(target, score)
    return RocCurve(
        thresholds=np.concatenate(([np.inf], counts.scores[::-1])),
        false_positive_rate=_shares_from_top(counts.others),
        true_positive_rate=_shares_from_top(counts.defaults),
    )


def precision_recall_curve(target: ArrayLike, score: ArrayLike) -> PrecisionRecallCurve:
    """The precision-recall curve, one point a distinct score; no point is interpolated."""
    counts = score_counts(target, score)
    hits = np.cumsum(counts.defaults[::-1])
    predicted = np.cumsum((counts.defaults + counts.others)[::-1])
    return PrecisionRecallCurve(counts.scores[::-1], hits / predicted, hits / hits[-1])


def _others_below(counts: ScoreCounts) -> Floats:
    """At each score, the share of the other outcome's rows that score lower, ties half."""
    share: Floats = (np.cumsum(counts.others) - counts.others / 2) / counts.others.sum()
    return share


def _defaults_above(counts: ScoreCounts) -> Floats:
    """At each score, the share of defaulters that score higher, ties half."""
    below = (np.cumsum(counts.defaults) - counts.defaults / 2) / counts.defaults.sum()
    share: Floats = 1 - below
    return share


def _mean(values: Floats, weights: Counts) -> float:
    return float(np.sum(values * weights) / np.sum(weights))


def _variance(values: Floats, weights: Counts) -> float:
    """The sample variance of values that occur `weights` times each."""
    centred = values - _mean(values, weights)
    return float(np.sum(centred**2 * weights) / (np.sum(weights) - 1))


def _shares_from_top(counts: Counts) -> Floats:
    shares: Floats = np.concatenate(([0.0], np.cumsum(counts[::-1]) / counts.sum()))
    return shares


def _logistic(log_odds: float) -> float:
    return 1 / (1 + math.exp(-log_odds))
