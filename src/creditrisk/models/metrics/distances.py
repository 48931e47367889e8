"""How far two distributions lie apart in their own terms: Wasserstein and Jensen-Shannon distance."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np

from creditrisk.models.metrics.observations import NotMeasurable
from creditrisk.models.metrics.stability import gathered

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from creditrisk.models.metrics.observations import Counts, Floats

POINTS = 100
_DIGITS = 6


class Distance(NamedTuple):
    """A distance, and how often two samples of one population lie that far apart or farther."""

    value: float
    p_value: float


@dataclass(frozen=True, slots=True)
class Quantiles:
    """A sample of numbers, summed up by its rows at or below each of some hundred points.

    The points are the values in the middle of each hundredth of the sample, to six digits: neither
    the smallest nor the largest value is among them, unless the sample is small or repeats it.
    `rows` counts those that are not missing.
    """

    points: Floats
    at_or_below: Counts
    rows: int

    @classmethod
    def of(cls, sample: ArrayLike) -> Self:
        """Sum up a sample; missing values are left out."""
        ordered = _ordered(sample)
        if not ordered.size:
            return cls(np.empty(0), np.empty(0, np.int64), 0)
        ranks = ((np.arange(POINTS) + 0.5) * ordered.size / POINTS).astype(np.int64)
        points = np.unique([float(f"{value:.{_DIGITS}g}") for value in ordered[ranks]])
        return cls(points, _at_or_below(ordered, points), ordered.size)

    @property
    def spread(self) -> float:
        """The standard deviation, values beyond the outer points counted as these."""
        shares = np.diff(self.at_or_below[:-1], prepend=0, append=self.rows) / self.rows
        mean = float(np.sum(shares * self.points))
        return math.sqrt(float(np.sum(shares * (self.points - mean) ** 2)))


def wasserstein_distance(reference: Quantiles, sample: ArrayLike) -> Distance:
    """How far values must be moved on average, in standard deviations of the reference.

    Both samples are cut at the outer points of the reference, so no single value decides. It sees
    what bins hide: a move inside a wide bin, and how far the outermost went. Its p-value is that of
    the largest gap between both cumulative shares: never too small, larger where values are tied.

    Raises:
        NotMeasurable: a sample has no value, or the reference does not vary.

    Source: Vallender, Calculation of the Wasserstein distance between probability distributions on
    the line (1974); Wei and Dudley, Two-sample Dvoretzky-Kiefer-Wolfowitz inequalities (2012), for
    the p-value, which holds with the factor e at any sizes.
    """
    ordered = _ordered(sample)
    if not reference.rows or not ordered.size:
        seen = f"{reference.rows} values of the reference and {ordered.size} of the current sample"
        raise NotMeasurable(seen, "both need some")
    spread = reference.spread
    if spread == 0:
        raise NotMeasurable("the reference does not vary", "a distance needs a scale")
    gaps = np.abs(
        _at_or_below(ordered, reference.points) / ordered.size
        - reference.at_or_below / reference.rows
    )
    effective = 1 / (1 / reference.rows + 1 / ordered.size)
    return Distance(
        float(np.sum(gaps[:-1] * np.diff(reference.points))) / spread,
        min(1.0, math.exp(1 - 2 * effective * float(np.max(gaps)) ** 2)),
    )


def jensen_shannon_distance(reference: ArrayLike, current: ArrayLike) -> Distance:
    """The Jensen-Shannon distance of two samples by bin: 0 the same, 1 nothing in common.

    Its p-value is that of the likelihood-ratio chi-squared test of both samples, which is twice the
    divergence weighted by rows times their number, with Williams' correction and rare bins put
    together.

    `reference` and `current` are rows per bin, of shape (n_bins,).

    Raises:
        NotMeasurable: a sample has no row.

    Source: Lin, Divergence measures based on the Shannon entropy (1991); Williams, Improved
    likelihood ratio tests for complete contingency tables (1976).
    """
    one, other = np.asarray(reference, np.int64), np.asarray(current, np.int64)
    if not one.sum() or not other.sum():
        seen = f"{one.sum()} rows of reference and {other.sum()} of current data"
        raise NotMeasurable(seen, "both samples need rows")
    shares = one / one.sum(), other / other.sum()
    middle = (shares[0] + shares[1]) / 2
    divergence = (_relative_entropy(shares[0], middle) + _relative_entropy(shares[1], middle)) / 2
    return Distance(
        math.sqrt(min(1.0, max(0.0, divergence) / math.log(2))),
        _likelihood_ratio_p_value(*gathered(one, other)),
    )


def _likelihood_ratio_p_value(reference: Counts, current: Counts) -> float:
    from scipy.special import chdtrc

    if reference.size < 2:  # noqa: PLR2004 - one bin cannot move
        return 1.0
    both = reference + current
    rows = int(both.sum())
    ratio = sum(
        2 * sample.sum() * _relative_entropy(sample / sample.sum(), both / rows)
        for sample in (reference, current)
    )
    freedom = reference.size - 1
    unevenness = (rows / reference.sum() + rows / current.sum() - 1) * (np.sum(rows / both) - 1)
    return float(chdtrc(freedom, ratio / (1 + unevenness / (6 * rows * freedom))))


def _relative_entropy(shares: Floats, other: Floats) -> float:
    held = shares > 0
    return float(np.sum(shares[held] * np.log(shares[held] / other[held])))


def _ordered(sample: ArrayLike) -> Floats:
    values = np.asarray(sample, np.float64)
    ordered: Floats = np.sort(values[~np.isnan(values)])
    return ordered


def _at_or_below(ordered: Floats, points: Floats) -> Counts:
    return np.searchsorted(ordered, points, side="right").astype(np.int64)
