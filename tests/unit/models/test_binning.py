"""Monotone optimal bins of one feature."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from creditrisk.core.settings import ScorecardSettings
from creditrisk.models.binning import (
    Sample,
    Trend,
    category_groups,
    number_bounds,
    pre_bin_bounds,
    shortest_number,
)
from creditrisk.models.errors import BinningNotSolved

ROWS = 4_000


def settings(**changes: Any) -> ScorecardSettings:
    return ScorecardSettings.model_validate(changes)


def sample(seed: int = 0, slope: float = -3.0, missing: float = 0.1) -> Sample:
    """Values between 0 and 1 whose log-odds of default move with the slope."""
    generator = np.random.default_rng(seed)
    values = generator.random(ROWS)
    target = generator.random(ROWS) < 1 / (1 + np.exp(1 - slope * (values - 0.5)))
    values[generator.random(ROWS) < missing] = np.nan
    return Sample("SCORE", values, target.astype(np.int8))


def default_rates(of: Sample, bounds: tuple[float, ...]) -> list[float]:
    bins = np.searchsorted(bounds, of.values[of.known], side="right")
    target = of.target[of.known]
    return [float(target[bins == number].mean()) for number in range(len(bounds) + 1)]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("trend", "slope"), [("ascending", 3), ("descending", -3)])
def test_default_rates_go_one_way(trend: Trend, slope: float, seed: int) -> None:
    """From bin to bin the rate rises, or falls, as the trend demands."""
    rows = sample(seed, slope)
    rates = default_rates(rows, number_bounds(rows, trend, settings()))
    steps = [after - before for before, after in pairwise(rates)]
    assert len(rates) > 2
    assert all(step > 0 for step in steps) if trend == "ascending" else all(s < 0 for s in steps)


@pytest.mark.parametrize("slope", [3, -3])
def test_without_a_stated_trend_the_data_decide(slope: float) -> None:
    """`auto_asc_desc` finds the way that the rate goes, and only one way."""
    rows = sample(slope=slope)
    steps = np.diff(default_rates(rows, number_bounds(rows, "auto_asc_desc", settings())))
    assert len(steps) > 1
    assert np.all(np.sign(steps) == np.sign(slope))


def test_a_feature_that_goes_the_wrong_way_is_not_cut() -> None:
    """Where the catalogue's direction contradicts the data, one bin is left."""
    rows = sample(slope=6)
    assert len(number_bounds(rows, "ascending", settings())) > 2
    assert number_bounds(rows, "descending", settings()) == ()


@pytest.mark.parametrize("share", [0.05, 0.2])
def test_no_bin_is_smaller_than_allowed(share: float) -> None:
    """The share counts all training rows, those with missing values too."""
    rows = sample()
    bounds = number_bounds(rows, "descending", settings(min_bin_share=share))
    bins = np.searchsorted(bounds, rows.values[rows.known], side="right")
    assert len(bounds) > 0
    assert np.bincount(bins).min() >= share * ROWS


def test_there_are_no_more_bins_than_allowed() -> None:
    """`max_bins` bounds the bins of known values."""
    assert len(number_bounds(sample(slope=-6), "descending", settings(max_bins=3))) == 2


def test_bins_hold_the_most_information_that_the_pre_bins_allow() -> None:
    """No other monotone merging of the pre-bins has a higher information value."""
    rows = sample(seed=3, missing=0)
    chosen = settings(pre_bins=8, min_bin_share=0.1, max_bins=8)
    found = number_bounds(rows, "descending", chosen)
    bounds = pre_bin_bounds(rows.values, 8)
    best = max(
        (information(rows, cuts), cuts)
        for cuts in subsets(bounds.tolist())
        if np.all(np.diff(default_rates(rows, cuts)) < 0)
    )
    assert found == best[1]


def subsets(bounds: list[float]) -> list[tuple[float, ...]]:
    return [
        tuple(b for place, b in enumerate(bounds) if mask >> place & 1)
        for mask in range(2 ** len(bounds))
    ]


def information(of: Sample, bounds: tuple[float, ...]) -> float:
    bins = np.searchsorted(bounds, of.values, side="right")
    bad = np.bincount(bins[of.target == 1], minlength=len(bounds) + 1) / of.target.sum()
    good = np.bincount(bins[of.target == 0], minlength=len(bounds) + 1) / (of.target == 0).sum()
    return float(np.sum((good - bad) * np.log(good / bad)))


def test_noise_is_not_cut() -> None:
    """Where even the pre-bins tell less than the bar, the solver is not asked."""
    rows = sample(slope=0)
    assert number_bounds(rows, "auto_asc_desc", settings(min_information_value=0.1)) == ()


@pytest.mark.parametrize("values", [np.full(ROWS, np.nan), np.ones(ROWS)])
def test_a_feature_without_two_values_has_no_bounds(values: np.ndarray) -> None:
    """All missing, or all the same."""
    rows = Sample("CONSTANT", values, sample().target)
    assert number_bounds(rows, "ascending", settings()) == ()


@pytest.mark.parametrize("outcome", [0, 1])
def test_known_values_of_a_single_outcome_are_not_cut(outcome: int) -> None:
    """Weights of evidence need both outcomes."""
    target = np.full(ROWS, outcome, dtype=np.int8)
    assert number_bounds(Sample("PURE", sample().values, target), "ascending", settings()) == ()


def test_bins_that_are_not_proven_best_are_refused() -> None:
    """A solver that ran out of time gives no bins, and the error names the feature."""
    with pytest.raises(BinningNotSolved, match=r"bins of SCORE are UNKNOWN.*solver_seconds"):
        number_bounds(sample(), "descending", settings(solver_seconds=1e-9))


def test_zeros_have_a_bin_of_their_own() -> None:
    """A value that most rows share is cut off from the rest, however small the rest is."""
    values = np.zeros(ROWS)
    values[: ROWS // 20] = np.linspace(0.4, 9, ROWS // 20)
    assert any(0 < bound <= 0.4 for bound in pre_bin_bounds(values, 20))


def test_nearly_equal_values_stay_together() -> None:
    """A ratio of exactly 1 that floating point spoils is one value; the bound stands clear of it."""
    generator = np.random.default_rng(0)
    spoilt = 1 - generator.random(ROWS // 2) * 1e-11
    values = np.concatenate([generator.random(ROWS // 2), spoilt])
    bounds = pre_bin_bounds(values, 20)
    assert np.max(bounds) <= 1 - 1e-6
    assert max(len(str(bound)) for bound in bounds.tolist()) <= 6


def test_bounds_are_numbers_that_a_person_can_write_down() -> None:
    """Ranks move by less than a tenth of a pre-bin, so that three digits are enough."""
    values = np.random.default_rng(0).lognormal(12, 1, ROWS)
    bounds = pre_bin_bounds(values, 10)
    assert all(float(f"{bound:.3g}") == bound for bound in bounds)
    shares = np.bincount(np.searchsorted(bounds, values, side="right")) / ROWS
    assert np.all(np.abs(shares - 0.1) <= 0.011)


@pytest.mark.parametrize(
    ("above", "up_to", "number"),
    [
        (0.1234, 0.1278, 0.127),
        (-0.5, 0.7, 0.0),
        (0, 0.003, 0.003),
        (2, 3, 3),
        (-714.5, -713.2, -714),
        (1_347_211.0, 1_358_004.5, 1_350_000),
        (1.0, np.nextafter(1.0, 2), np.nextafter(1.0, 2)),
    ],
)
def test_the_shortest_number_of_an_interval(above: float, up_to: float, number: float) -> None:
    """The fewest decimals win, and the number is never outside."""
    assert above < number <= up_to
    assert shortest_number(above, up_to) == number


@pytest.mark.parametrize("seed", range(3))
def test_categories_are_grouped_by_risk(seed: int) -> None:
    """From group to group the default rate rises, and each category with rows is in one group."""
    generator = np.random.default_rng(seed)
    codes = generator.integers(5, size=ROWS)
    target = generator.random(ROWS) < np.array([0.3, 0.05, 0.1, 0.3, 0.06])[codes]
    rows = Sample("KIND", codes.astype(float), target.astype(np.int8))
    groups = category_groups(rows, 6, settings())
    rates = [target[np.isin(codes, group)].mean() for group in groups]
    assert sorted(code for group in groups for code in group) == [0, 1, 2, 3, 4]
    assert len(groups) > 1
    assert rates == sorted(rates)


def test_a_rare_category_joins_a_group() -> None:
    """Three rows without a default are too few for a group, and are not taken for the safest."""
    generator = np.random.default_rng(0)
    codes = np.where(np.arange(ROWS) < 3, 2, generator.integers(2, size=ROWS))
    target = generator.random(ROWS) < np.array([0.05, 0.3, 0.0])[codes]
    groups = category_groups(Sample("KIND", codes * 1.0, target.astype(np.int8)), 3, settings())
    assert groups in {((0,), (1, 2)), ((0, 2), (1,))}


def test_a_category_that_is_always_missing_has_no_groups() -> None:
    """There is nothing to group."""
    assert (
        category_groups(Sample("KIND", np.full(ROWS, np.nan), sample().target), 3, settings()) == ()
    )
