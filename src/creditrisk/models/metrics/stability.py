"""How far a distribution has moved between two samples: PSI and CSI.

Both are the same sum, of a score (population stability index) or of an input (characteristic
stability index). Missing values are a bin of their own, and so is each category.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from creditrisk.models.metrics.observations import NotMeasurable

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from creditrisk.models.metrics.observations import Counts, Floats

MISSING = "missing"
OTHER = "other"
_HALF_ROW = 0.5


@dataclass(frozen=True, slots=True)
class StabilityIndex:
    """The shift of one distribution, and how much of one chance alone explains.

    `critical_value` is what two samples of these sizes from one population stay below with the
    confidence asked for, `p_value` how often they reach `value`. `bins` counts the bins that hold a
    row of either sample.
    """

    value: float
    critical_value: float
    p_value: float
    bins: int


def stability_index(
    reference: ArrayLike, current: ArrayLike, confidence: float = 0.99
) -> StabilityIndex:
    """PSI of two samples counted in the same bins, in nats, with its critical value.

    Half a row is added to every bin of both samples. A bin that one sample leaves empty thus counts
    as one in which less than a row was seen, not as one that is impossible: the index stays finite
    and grows with the evidence. Bins that are empty in both samples are left out.

    `reference` and `current` are rows per bin, of shape (n_bins,).

    Raises:
        NotMeasurable: a sample has no row, or the bins differ.

    Source: Siddiqi, Credit Risk Scorecards (2006), ch. 8, for the index; Yurdakul and Naranjo,
    Statistical properties of the population stability index, Journal of Risk Model Validation 14
    (2020), for its distribution: (1/n + 1/m) times chi-squared with bins - 1 degrees of freedom.
    """
    one, other = np.asarray(reference, np.float64), np.asarray(current, np.float64)
    if one.shape != other.shape:
        seen = f"{one.size} bins of the reference and {other.size} of the current sample"
        raise NotMeasurable(seen, "both must be counted in the same bins")
    if not one.sum() or not other.sum():
        seen = f"{one.sum():.0f} rows of reference and {other.sum():.0f} of current data"
        raise NotMeasurable(seen, "both samples need rows")
    used = (one + other) > 0
    bins, value = int(used.sum()), _index(one[used], other[used])
    return StabilityIndex(
        value=value,
        critical_value=critical_stability_index(bins, one.sum(), other.sum(), confidence),
        p_value=_p_value(value, bins, 1 / one.sum() + 1 / other.sum()),
        bins=bins,
    )


def critical_stability_index(
    bins: int, reference_rows: float, current_rows: float, confidence: float = 0.99
) -> float:
    """What the index of two samples from one population exceeds only with 1 - confidence.

    Source: Yurdakul and Naranjo (2020), as `stability_index`.
    """
    from scipy.special import chdtri

    if bins < 2:  # noqa: PLR2004 - one bin cannot move
        return 0.0
    return float((1 / reference_rows + 1 / current_rows) * chdtri(bins - 1, 1 - confidence))


def _p_value(value: float, bins: int, scale: float) -> float:
    from scipy.special import chdtrc

    return 1.0 if bins < 2 else float(chdtrc(bins - 1, value / scale))  # noqa: PLR2004


def gathered(reference: ArrayLike, current: ArrayLike, fewest: float = 10) -> tuple[Counts, Counts]:
    """Both samples' rows by bin, rare bins put together until chance there is chi-squared.

    A bin is rare if fewer than `fewest` rows of the smaller sample are expected in it, given how
    many both have there. With ten the chance of a p-value below 1e-4 is within a factor of two of
    1e-4; with Cochran's customary five it is up to 3.5 times that. Neighbours are put together, the
    rarest never first: where bins are quantiles of the reference, to order them by rows is to order
    them by what chance did to the current sample.

    `reference` and `current` are rows per bin, of shape (n_bins,).

    Source: Cochran, Some methods for strengthening the common chi-squared tests (1954), for the
    rule; `benchmarks/drift_calibration.py` for the ten.
    """
    one, other = np.asarray(reference, np.int64), np.asarray(current, np.int64)
    both = one + other
    expected = both * (min(one.sum(), other.sum()) / max(1, both.sum()))
    common: list[int] = np.flatnonzero(expected >= fewest).tolist()
    rare = _groups(np.flatnonzero(expected < fewest).tolist(), expected, fewest)
    if rare and expected[rare[-1]].sum() < fewest:
        left_over = rare.pop()
        if rare:
            rare[-1] += left_over
        elif common:
            host = min(common, key=one.__getitem__)
            rare = [[host, *left_over]]
            common.remove(host)
        else:
            rare = [left_over]
    groups = [*([place] for place in common), *rare]
    return (
        np.array([one[group].sum() for group in groups]),
        np.array([other[group].sum() for group in groups]),
    )


def _groups(places: list[int], expected: Floats, fewest: float) -> list[list[int]]:
    """Neighbouring places together until enough rows are expected, the last perhaps short of it."""
    groups: list[list[int]] = []
    held = fewest
    for place in places:
        if held >= fewest:
            groups.append([])
            held = 0.0
        groups[-1].append(place)
        held += expected[place]
    return groups


def _index(reference: Floats, current: Floats) -> float:
    expected = (reference + _HALF_ROW) / (reference.sum() + _HALF_ROW * reference.size)
    actual = (current + _HALF_ROW) / (current.sum() + _HALF_ROW * current.size)
    return float(np.sum((actual - expected) * np.log(actual / expected)))


@dataclass(frozen=True, slots=True)
class NumberBins:
    """Bins of a number, made from the reference sample alone.

    Up to as many distinct values as bins are asked for: one bin a value, and one for any other.
    Else bins between the reference's quantiles, each up to and with its upper point, the last
    beyond the last point. The missing values follow in a bin of their own.
    """

    points: Floats
    by_value: bool

    @classmethod
    def of(cls, reference: ArrayLike, count: int) -> Self:
        """The bins of a reference sample, `count` of them or fewer where values are tied."""
        values = np.asarray(reference, np.float64)
        ordered = np.sort(values[~np.isnan(values)])
        distinct = ordered[np.append(True, np.diff(ordered) > 0)] if ordered.size else ordered
        if distinct.size <= count:
            return cls(distinct, by_value=True)
        ranks = np.ceil(np.arange(1, count) * ordered.size / count).astype(np.int64) - 1
        return cls(np.unique(ordered[ranks]), by_value=False)

    @property
    def labels(self) -> tuple[str, ...]:
        """What each bin holds, in the order of the counts."""
        names = [f"{point:.6g}" for point in self.points]
        if self.by_value:
            return (*names, OTHER, MISSING)
        return (*(f"<= {name}" for name in names), f"> {names[-1]}", MISSING)

    def counts(self, sample: ArrayLike) -> Counts:
        """Rows of a sample in each bin."""
        values = np.asarray(sample, np.float64)
        bins = np.searchsorted(self.points, values, side="left")
        if self.by_value and self.points.size:
            nearest = self.points[np.minimum(bins, self.points.size - 1)]
            bins = np.where(nearest == values, bins, self.points.size)
        bins = np.where(np.isnan(values), self.points.size + 1, bins)
        return np.bincount(bins, minlength=self.points.size + 2).astype(np.int64)


def category_counts(
    sample: dict[str | None, int], categories: Sequence[str]
) -> tuple[tuple[str, ...], Counts]:
    """Labels and rows of each listed category, of any other, and of missing values.

    Args:
        sample: rows by category, None for missing ones.
        categories: those that get a bin of their own, in order.
    """
    listed = [sample.get(category, 0) for category in categories]
    missing = sample.get(None, 0)
    other = sum(sample.values()) - sum(listed) - missing
    return (*categories, OTHER, MISSING), np.array([*listed, other, missing], np.int64)
