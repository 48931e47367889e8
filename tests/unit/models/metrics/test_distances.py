"""Distances between distributions, and what of them is chance."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import chi2_contingency
from scipy.stats import wasserstein_distance as exact_wasserstein

from creditrisk.models.metrics.distances import (
    Quantiles,
    jensen_shannon_distance,
    wasserstein_distance,
)
from creditrisk.models.metrics.observations import NotMeasurable


def normal(rows: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=rows)


def test_a_move_of_all_values_is_told_in_deviations() -> None:
    """A normal sample moved by 0.3 of its deviation lies 0.3 away, whatever its unit."""
    for unit in (1, 1_000):
        known = Quantiles.of(unit * normal(50_000, 1))
        found = wasserstein_distance(known, unit * (normal(50_000, 2) + 0.3))
        assert found.value == pytest.approx(0.3, abs=0.02)


def test_the_distance_is_that_of_all_values() -> None:
    """Summed up by a hundred points it is within two hundredths of the exact distance."""
    one, other = normal(20_000, 1), 1.5 * normal(20_000, 2)
    bounds = np.quantile(one, [0.005, 0.995])
    exact = exact_wasserstein(one.clip(*bounds), other.clip(*bounds)) / one.clip(*bounds).std()
    found = wasserstein_distance(Quantiles.of(one), other)
    assert found.value == pytest.approx(exact, abs=0.02)


def test_whole_numbers_are_exact() -> None:
    """A flag set in 3 of 10 rows instead of 1 is 0.2 away, over a deviation of 0.3."""
    known = Quantiles.of(np.repeat([0, 1], [900, 100]))
    found = wasserstein_distance(known, np.repeat([0, 1], [700, 300]))
    assert found.value == pytest.approx(0.2 / 0.3)


def test_missing_values_are_left_out() -> None:
    """They have a bin elsewhere."""
    one, other = normal(500, 1), normal(400, 2)
    gaps = np.full(100, np.nan)
    assert wasserstein_distance(Quantiles.of(np.append(one, gaps)), np.append(other, gaps)) == (
        wasserstein_distance(Quantiles.of(one), other)
    )


def test_chance_gives_no_small_p_value() -> None:
    """Of 2,000 pairs of one population at most 1 % have a p-value below 0.01."""
    samples = np.random.default_rng(3).exponential(size=(2_000, 500))
    low = [
        wasserstein_distance(Quantiles.of(row[:300]), row[300:]).p_value < 0.01 for row in samples
    ]
    assert np.mean(low) <= 0.01


def test_a_clear_move_has_a_tiny_p_value() -> None:
    """Half a deviation among a thousand rows is no chance."""
    found = wasserstein_distance(Quantiles.of(normal(1_000, 1)), normal(1_000, 2) + 0.5)
    assert found.p_value < 1e-6


@pytest.mark.parametrize(
    ("reference", "sample", "message"),
    [
        ([np.nan], [1.0], "0 values of the reference"),
        ([1.0], [np.nan], "0 of the current sample"),
        ([2.0, 2.0], [1.0], "does not vary"),
    ],
)
def test_nothing_to_compare_is_refused(
    reference: list[float], sample: list[float], message: str
) -> None:
    """A distance needs values on both sides and a scale."""
    with pytest.raises(NotMeasurable, match=message):
        wasserstein_distance(Quantiles.of(reference), sample)


def test_neither_end_of_a_sample_is_stored() -> None:
    """The richest applicant is not among the points."""
    values = normal(10_000, 1)
    points = Quantiles.of(values).points
    assert points.size <= 100
    assert values.min() < points.min()
    assert points.max() < values.max()


def test_the_shannon_distance_is_scipy_s() -> None:
    """In base 2, from 0 for the same shares to 1 for nothing in common."""
    one, other = [50, 30, 20, 0], [10, 30, 40, 20]
    expected = jensenshannon(one, other, base=2)
    assert jensen_shannon_distance(one, other).value == pytest.approx(expected)
    assert jensen_shannon_distance([5, 0], [0, 9]).value == 1
    assert jensen_shannon_distance([5, 5], [9, 9]).value == 0


def test_its_p_value_is_that_of_the_likelihood_ratio() -> None:
    """Scipy's test of the same table, but for a correction of order one over the rows."""
    one, other = [5_000, 3_000, 2_000], [1_030, 570, 400]
    expected = chi2_contingency([one, other], lambda_="log-likelihood").pvalue
    assert jensen_shannon_distance(one, other).p_value == pytest.approx(expected, rel=0.01)


def test_one_bin_cannot_differ() -> None:
    """A constant category is at no distance, and chance explains that."""
    assert jensen_shannon_distance([50, 0], [60, 0]) == (0.0, 1.0)


def test_an_empty_sample_has_no_distance() -> None:
    """No rows are no evidence."""
    with pytest.raises(NotMeasurable, match="both samples need rows"):
        jensen_shannon_distance([1, 2], [0, 0])
