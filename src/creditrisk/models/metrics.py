"""How well PDs rank applicants, and how true they are.

Every function takes outcomes (`target`, 1 for default) and PDs or scores of the same rows, both of
shape (n_rows,). All raise `NotMeasurable` for no rows, different lengths, outcomes other than 0
and 1, and scores that are not finite; those of ranking also where one outcome is missing, those of
calibration also for PDs outside [0, 1]. Equal scores are never told apart by the order of rows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from creditrisk.core.errors import CreditRiskError

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

# PDs of exactly 0 or 1 are moved by this much where a logarithm is taken, as most libraries do.
SMALLEST_PD = 1e-15
_MAX_NEWTON_STEPS = 100
_TOLERANCE = 1e-10


class NotMeasurable(CreditRiskError):
    """Outcomes and scores do not allow the metric."""

    def __init__(self, seen: str, required: str) -> None:
        super().__init__(f"Not measured: {seen}; {required}.")


class Interval(NamedTuple):
    """The two ends of a confidence interval."""

    low: float
    high: float


class Estimate(NamedTuple):
    """A value with its confidence interval."""

    value: float
    low: float
    high: float


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


@dataclass(frozen=True, slots=True)
class Recalibration:
    """The logistic regression of the outcome on logit(PD): intercept 0 and slope 1 are perfect."""

    intercept: Estimate
    slope: Estimate


@dataclass(frozen=True, slots=True)
class RiskBand:
    """Rows of neighbouring PDs. `low` and `high` bound the default rate (Wilson)."""

    rows: int
    defaults: int
    smallest_pd: float
    largest_pd: float
    mean_pd: float
    default_rate: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Decile:
    """A tenth of the rows, the riskiest first.

    `gain` is the share of all defaulters in this and the riskier deciles, `lift` the decile's
    default rate over that of all rows, `cumulative_lift` the same for this and the riskier ones.
    """

    number: int
    band: RiskBand
    gain: float
    lift: float
    cumulative_lift: float


@dataclass(frozen=True, slots=True)
class Confusion:
    """Decisions against outcomes; a PD at or above the threshold is a predicted default."""

    true_positives: int
    false_positives: int
    true_negatives: int
    false_negatives: int

    @property
    def precision(self) -> float | None:
        """Defaulters among the predicted defaults; None where none is predicted."""
        predicted = self.true_positives + self.false_positives
        return self.true_positives / predicted if predicted else None

    @property
    def recall(self) -> float:
        """Predicted defaults among the defaulters."""
        return self.true_positives / (self.true_positives + self.false_negatives)

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall."""
        hits = 2 * self.true_positives
        return hits / (hits + self.false_positives + self.false_negatives)


def score_counts(target: ArrayLike, score: ArrayLike) -> ScoreCounts:
    """Count both outcomes at each distinct score; what every ranking metric needs.

    Raises:
        NotMeasurable: see the module.
    """
    outcomes, scores = _checked(target, score)
    _require_both_outcomes(outcomes)
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
    return _normal(value, math.sqrt(variance), confidence, lowest=0, highest=1)


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
    estimate = _normal(gap, deviation, confidence, lowest=0, highest=1)
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
    reach = _deviate(confidence) / math.sqrt(defaults * value * (1 - value))
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


def log_loss(target: ArrayLike, pd: ArrayLike, confidence: float = 0.95) -> Estimate:
    """Mean negative log-likelihood a row, in nats; PDs of 0 and 1 count as 1e-15 and 1 - 1e-15."""
    outcomes, probabilities = _checked_probabilities(target, pd)
    inner = np.clip(probabilities, SMALLEST_PD, 1 - SMALLEST_PD)
    return _mean_estimate(-np.where(outcomes, np.log(inner), np.log1p(-inner)), confidence)


def brier_score(target: ArrayLike, pd: ArrayLike, confidence: float = 0.95) -> Estimate:
    """Mean squared distance between PD and outcome."""
    outcomes, probabilities = _checked_probabilities(target, pd)
    return _mean_estimate((probabilities - outcomes) ** 2, confidence)


def default_rate(target: ArrayLike, confidence: float = 0.95) -> Estimate:
    """Share of defaulters with Wilson's interval."""
    outcomes, _ = _checked(target, np.zeros(np.size(target)))
    defaults = int(outcomes.sum())
    return Estimate(defaults / outcomes.size, *wilson_interval(defaults, outcomes.size, confidence))


def observed_expected(target: ArrayLike, pd: ArrayLike, confidence: float = 0.95) -> Estimate:
    """Defaults over the sum of PDs; 1 is perfect.

    The interval says how far the ratio lies from chance alone if every PD were true: the defaults
    then vary by the summed p (1 - p).

    Raises:
        NotMeasurable: also where all PDs are 0.
    """
    outcomes, probabilities = _checked_probabilities(target, pd)
    expected = float(probabilities.sum())
    if expected == 0:
        raise NotMeasurable("all PDs are 0", "a PD above 0 is required")
    deviation = math.sqrt(float((probabilities * (1 - probabilities)).sum())) / expected
    return _normal(float(outcomes.sum()) / expected, deviation, confidence, lowest=0)


def recalibration(
    target: ArrayLike, pd: ArrayLike, confidence: float = 0.95
) -> Recalibration | None:
    """Fit logit(P(default)) = intercept + slope logit(PD) by maximum likelihood.

    None where no finite fit exists: all PDs are equal, or they separate the outcomes.

    Source: Cox, Two further applications of a model for binary regression (1958).
    """
    outcomes, probabilities = _checked_probabilities(target, pd)
    _require_both_outcomes(outcomes)
    log_odds = _log_odds(probabilities)
    if not _overlap(outcomes, log_odds):
        return None
    line, deviations = _fit_line(log_odds, outcomes)
    intercept, slope = (
        _normal(float(value), float(deviation), confidence)
        for value, deviation in zip(line, deviations, strict=True)
    )
    return Recalibration(intercept, slope)


def calibration_in_the_large(
    target: ArrayLike, pd: ArrayLike, confidence: float = 0.95
) -> Estimate:
    """The shift of all log-odds that makes the mean PD equal the default rate; 0 is perfect."""
    outcomes, probabilities = _checked_probabilities(target, pd)
    _require_both_outcomes(outcomes)
    log_odds = _log_odds(probabilities)
    shift = _mean_matching_shift(log_odds, float(np.mean(outcomes)))
    probability = _sigmoid(log_odds + shift)
    information = max(float(np.sum(probability * (1 - probability))), SMALLEST_PD)
    return _normal(shift, 1 / math.sqrt(information), confidence)


def expected_calibration_error(target: ArrayLike, pd: ArrayLike, bins: int = 10) -> float:
    """Mean distance between default rate and mean PD over bands of equal size, by rows.

    It is above 0 for true PDs too, about 0.8 sqrt(p (1 - p) bins / n): compare with that.
    """
    bands = risk_bands(target, pd, bins)
    distances = [band.rows * abs(band.default_rate - band.mean_pd) for band in bands]
    return math.fsum(distances) / sum(band.rows for band in bands)


def risk_bands(
    target: ArrayLike, pd: ArrayLike, bins: int, confidence: float = 0.95
) -> list[RiskBand]:
    """Rows in bands of equal size by rising PD; at most `bins`, fewer where PDs are tied.

    Rows of equal PD share a band: the one in which their middle rank falls.
    """
    outcomes, probabilities = _checked_probabilities(target, pd)
    distinct, codes, rows = np.unique(probabilities, return_inverse=True, return_counts=True)
    middle = np.cumsum(rows) - rows / 2
    bands = np.minimum((middle * bins / outcomes.size).astype(np.int64), bins - 1)
    defaults = np.bincount(codes, weights=outcomes, minlength=distinct.size)
    return [
        _band(distinct[members], rows[members], defaults[members], confidence)
        for members in (bands == band for band in np.unique(bands))
    ]


def decile_table(target: ArrayLike, pd: ArrayLike, confidence: float = 0.95) -> list[Decile]:
    """Rows in tenths by falling PD, with gain and lift; fewer than ten where PDs are tied."""
    bands = risk_bands(target, pd, 10, confidence)[::-1]
    rows = np.cumsum([band.rows for band in bands])
    defaults = np.cumsum([band.defaults for band in bands])
    _require_both_outcomes(np.asarray(target, dtype=bool))
    overall = defaults[-1] / rows[-1]
    return [
        Decile(
            number=index + 1,
            band=band,
            gain=float(defaults[index] / defaults[-1]),
            lift=float(band.default_rate / overall),
            cumulative_lift=float(defaults[index] / rows[index] / overall),
        )
        for index, band in enumerate(bands)
    ]


def confusion_at(target: ArrayLike, pd: ArrayLike, threshold: float) -> Confusion:
    """Count right and wrong decisions when a PD at or above the threshold is a default."""
    outcomes, scores = _checked(target, pd)
    _require_both_outcomes(outcomes)
    predicted = scores >= threshold
    return Confusion(
        true_positives=int(np.sum(predicted & outcomes)),
        false_positives=int(np.sum(predicted & ~outcomes)),
        true_negatives=int(np.sum(~predicted & ~outcomes)),
        false_negatives=int(np.sum(~predicted & outcomes)),
    )


def wilson_interval(successes: int, trials: int, confidence: float = 0.95) -> Interval:
    """Wilson's score interval of a share; it stays inside [0, 1] for few trials too.

    Source: Brown, Cai, DasGupta, Interval estimation for a binomial proportion (2001).
    """
    z = _deviate(confidence)
    share = successes / trials
    centre = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    reach = math.sqrt(share * (1 - share) / trials + (z / (2 * trials)) ** 2)
    reach *= z / (1 + z * z / trials)
    return Interval(
        low=0.0 if successes == 0 else max(0.0, centre - reach),
        high=1.0 if successes == trials else min(1.0, centre + reach),
    )


def _checked(target: ArrayLike, score: ArrayLike) -> tuple[NDArray[np.bool_], Floats]:
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


def _checked_probabilities(target: ArrayLike, pd: ArrayLike) -> tuple[NDArray[np.bool_], Floats]:
    outcomes, probabilities = _checked(target, pd)
    outside = int(np.sum((probabilities < 0) | (probabilities > 1)))
    if outside:
        raise NotMeasurable(f"{outside} PDs lie outside [0, 1]", "PDs are probabilities")
    return outcomes, probabilities


def _require_both_outcomes(outcomes: NDArray[np.bool_]) -> None:
    defaults = int(outcomes.sum())
    if defaults in {0, outcomes.size}:
        seen = f"{defaults} of {outcomes.size} rows are defaults"
        raise NotMeasurable(seen, "both outcomes must occur")


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


def _band(scores: Floats, rows: Counts, defaults: Floats, confidence: float) -> RiskBand:
    total, defaulted = int(rows.sum()), int(defaults.sum())
    return RiskBand(
        rows=total,
        defaults=defaulted,
        smallest_pd=float(scores[0]),
        largest_pd=float(scores[-1]),
        mean_pd=float(np.sum(scores * rows) / total),
        default_rate=defaulted / total,
        **wilson_interval(defaulted, total, confidence)._asdict(),
    )


def _log_odds(probabilities: Floats) -> Floats:
    inner = np.clip(probabilities, SMALLEST_PD, 1 - SMALLEST_PD)
    log_odds: Floats = np.log(inner) - np.log1p(-inner)
    return log_odds


def _overlap(outcomes: NDArray[np.bool_], scores: Floats) -> bool:
    """Whether no threshold separates the outcomes, so that a logistic fit is finite."""
    defaults, others = scores[outcomes], scores[~outcomes]
    return bool(defaults.min() < others.max() and others.min() < defaults.max())


def _fit_line(x: Floats, outcomes: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Intercept and slope of a logistic regression on `x` and their standard deviations.

    Newton's method with halved steps. Sums are numpy's own: a BLAS product may change its last
    bits with the number of threads.
    """
    line, log_odds = np.zeros(2), np.zeros_like(x)
    for _ in range(_MAX_NEWTON_STEPS):
        gradient, information = _derivatives(x, outcomes, log_odds)
        step = np.linalg.solve(information, gradient).astype(np.float64)
        step, log_odds = _improving_step(x, outcomes, log_odds, step)
        line = line + step
        if np.max(np.abs(step)) < _TOLERANCE:
            break
    _, information = _derivatives(x, outcomes, log_odds)
    return line, np.sqrt(np.diag(np.linalg.inv(information)))


def _improving_step(
    x: Floats, outcomes: NDArray[np.bool_], log_odds: Floats, step: Floats
) -> tuple[Floats, Floats]:
    """The step, halved until the likelihood does not fall, and the log-odds it leads to."""
    likelihood = _log_likelihood(log_odds, outcomes)
    while True:
        proposed = log_odds + (step[0] + step[1] * x)
        improves = _log_likelihood(proposed, outcomes) >= likelihood
        if improves or np.max(np.abs(step)) < _TOLERANCE:
            return step, proposed
        step = step / 2


def _derivatives(x: Floats, outcomes: NDArray[np.bool_], log_odds: Floats) -> tuple[Floats, Floats]:
    probability = _sigmoid(log_odds)
    residual, weight = outcomes - probability, probability * (1 - probability)
    total, first, second = np.sum(weight), np.sum(weight * x), np.sum(weight * x * x)
    gradient = np.array([np.sum(residual), np.sum(residual * x)])
    return gradient, np.array([[total, first], [first, second]])


def _mean_matching_shift(log_odds: Floats, rate: float) -> float:
    """The shift with which the mean probability is `rate`: Newton's method inside a bracket."""
    centre = math.log(rate / (1 - rate))
    low, high = centre - float(log_odds.max()), centre - float(log_odds.min())
    shift = (low + high) / 2
    while high - low > _TOLERANCE:
        probability = _sigmoid(log_odds + shift)
        excess = float(np.mean(probability)) - rate
        low, high = (low, shift) if excess > 0 else (shift, high)
        slope = float(np.mean(probability * (1 - probability)))
        proposed = shift - excess / slope if slope > 0 else low
        if abs(proposed - shift) < _TOLERANCE:
            return proposed
        shift = proposed if low < proposed < high else (low + high) / 2
    return shift


def _sigmoid(log_odds: Floats) -> Floats:
    probability: Floats = 1 / (1 + np.exp(-np.clip(log_odds, -700, 700)))
    return probability


def _log_likelihood(log_odds: Floats, outcomes: NDArray[np.bool_]) -> float:
    signed = np.where(outcomes, -log_odds, log_odds)
    return -float(np.sum(np.logaddexp(0, signed)))


def _mean_estimate(values: Floats, confidence: float) -> Estimate:
    deviation = float(np.std(values, ddof=1)) / math.sqrt(values.size) if values.size > 1 else 0.0
    return _normal(float(np.mean(values)), deviation, confidence, lowest=0)


def _normal(
    value: float,
    deviation: float,
    confidence: float,
    *,
    lowest: float = -math.inf,
    highest: float = math.inf,
) -> Estimate:
    reach = _deviate(confidence) * deviation
    return Estimate(value, max(lowest, value - reach), min(highest, value + reach))


def _deviate(confidence: float) -> float:
    return NormalDist().inv_cdf((1 + confidence) / 2)


def _logistic(log_odds: float) -> float:
    return 1 / (1 + math.exp(-log_odds))
