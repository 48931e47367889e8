"""Monotone optimal binning: the bins of one feature that tell outcomes apart best.

A feature is first cut into many pre-bins with bounds that a person can write down; OptBinning then
merges neighbours so that the default rate rises or falls from bin to bin and the information value
is the largest possible.

Source: Navas-Palencia, Optimal binning: mathematical programming formulation (2020).
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from creditrisk.core.settings import ScorecardSettings
from creditrisk.models.errors import BinningNotSolved

if TYPE_CHECKING:
    from numpy.typing import NDArray

Trend = Literal["ascending", "descending", "auto_asc_desc"]
_SLACK = 10  # a bound may move by a tenth of a pre-bin's rows to become a shorter number
_TIE = 1e-6  # values closer than this share of the range are one value: 1 and 0.999999999999
_MIN_BINS = 2


@dataclass(frozen=True)
class Sample:
    """One feature's values, NaN where missing, with the outcomes, 1 for a default."""

    feature: str
    values: NDArray[np.float64]
    target: NDArray[np.int8]

    @property
    def known(self) -> NDArray[np.bool_]:
        """Where the value is not missing."""
        return ~np.isnan(self.values)


def number_bounds(sample: Sample, trend: Trend, settings: ScorecardSettings) -> tuple[float, ...]:
    """Rising bounds; a bin holds the values from its lower bound to below its upper one.

    Raises:
        BinningNotSolved: the solver did not prove its bins to be the best.
    """
    values = sample.values[sample.known]
    if not len(values):
        return ()
    bounds = pre_bin_bounds(values, settings.pre_bins)
    pre_bins = np.searchsorted(bounds, values, side="right")
    cuts = _merged(sample, pre_bins, len(bounds) + 1, trend, settings)
    return tuple(float(bounds[cut - 1]) for cut in cuts)


def category_groups(
    sample: Sample, categories: int, settings: ScorecardSettings
) -> tuple[tuple[int, ...], ...]:
    """Category codes in groups, the safest first; a code without rows is in none.

    Raises:
        BinningNotSolved: the solver did not prove its groups to be the best.
    """
    codes = sample.values[sample.known].astype(np.int64)
    order = _codes_by_risk(codes, sample.target[sample.known], categories, settings.prior_rows)
    if not order:
        return ()
    ranks = np.zeros(categories, dtype=np.int64)
    ranks[order] = np.arange(len(order))
    cuts = _merged(sample, ranks[codes], len(order), "ascending", settings)
    ends = [0, *cuts, len(order)]
    return tuple(tuple(sorted(order[low:high])) for low, high in itertools.pairwise(ends))


def pre_bin_bounds(values: NDArray[np.float64], pre_bins: int) -> NDArray[np.float64]:
    """Bounds between about equally many rows, each the shortest number that cuts about there.

    A value that many rows share gets bounds on both sides, so that it can be a bin of its own.
    """
    ordered = np.sort(values)
    slack = len(ordered) // (pre_bins * _SLACK)
    low, high = np.quantile(ordered, (0.05, 0.95))
    tie = _TIE * float(high - low)
    bounds: set[float] = set()
    for position in (len(ordered) * number // pre_bins for number in range(1, pre_bins)):
        first = int(np.searchsorted(ordered, ordered[position] - tie, side="left"))
        end = int(np.searchsorted(ordered, ordered[position] + tie, side="right"))
        for cut in (first, end) if end - first > slack else (first,):
            if 0 < cut < len(ordered):
                bounds.add(_bound_at(ordered, cut, slack))
    return np.array(sorted(bounds))


def shortest_number(above: float, up_to: float) -> float:
    """The number with the fewest decimals that is greater than one bound and not than the other."""
    exponent = math.ceil(math.log10(up_to - above)) + 1
    for power in range(exponent, exponent - 20, -1):
        number = float(f"{math.floor(up_to * 10.0**-power)}e{power}")
        if above < number <= up_to:
            return number
    return up_to


def _bound_at(ordered: NDArray[np.float64], cut: int, slack: int) -> float:
    up_to = float(ordered[cut])
    above = float(ordered[max(cut - slack, 0)])
    return shortest_number(above if above < up_to else float(ordered[cut - 1]), up_to)


def _codes_by_risk(
    codes: NDArray[np.int64], target: NDArray[np.int8], categories: int, prior_rows: int
) -> list[int]:
    """The codes that have rows by rising default rate, rare ones pulled towards the average."""
    if not len(codes):
        return []
    rows = np.bincount(codes, minlength=categories)
    defaults = np.bincount(codes, weights=target, minlength=categories)
    rates = (defaults + prior_rows * target.mean()) / (rows + prior_rows)
    return [int(code) for code in np.argsort(rates, kind="stable") if rows[code]]


def _merged(
    sample: Sample,
    pre_bins: NDArray[np.int64],
    count: int,
    trend: Trend,
    settings: ScorecardSettings,
) -> list[int]:
    """The pre-bins with which a bin begins, the first apart."""
    from optbinning import OptimalBinning

    smallest_share = settings.min_bin_share * len(sample.values) / len(pre_bins)
    outcomes = sample.target[sample.known]
    if count < _MIN_BINS or smallest_share * _MIN_BINS > 1 or not np.ptp(outcomes):
        return []
    if _most_information(sample, pre_bins, count) < settings.min_information_value:
        return []
    binning = OptimalBinning(
        name=sample.feature,
        solver="cp",  # one search worker and a fixed seed: the same bins on any machine
        monotonic_trend=trend,
        user_splits=np.arange(1, count) - 0.5,
        min_bin_size=smallest_share,
        max_n_bins=settings.max_bins,
        time_limit=settings.solver_seconds,
    )
    binning.fit(pre_bins.astype(np.float64), outcomes)
    if binning.status != "OPTIMAL":
        raise BinningNotSolved(sample.feature, binning.status, settings.solver_seconds)
    return [math.ceil(split) for split in binning.splits]


def _most_information(sample: Sample, pre_bins: NDArray[np.int64], count: int) -> float:
    """The information value of the pre-bins and missing values, which merging can only lower.

    Infinite where one of them has a single outcome.
    """
    cells = np.full(len(sample.values), count)
    cells[sample.known] = pre_bins
    bad = np.bincount(cells[sample.target == 1], minlength=count + 1)
    good = np.bincount(cells[sample.target == 0], minlength=count + 1)
    filled = bad + good > 0
    bad_share, good_share = bad[filled] / bad.sum(), good[filled] / good.sum()
    if not (bad_share.all() and good_share.all()):
        return math.inf
    return float(np.sum((good_share - bad_share) * np.log(good_share / bad_share)))
