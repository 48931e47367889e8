from __future__ import annotations

import math

import numpy as np
import pytest

from creditrisk.models.metrics import NotMeasurable
from creditrisk.models.metrics.stability import (
    NumberBins,
    category_counts,
    critical_stability_index,
    gathered,
    stability_index,
)


def test_the_index_is_the_textbook_sum() -> None:
    """With many rows half a row more changes nothing: sum of (a - e) ln(a / e)."""
    reference, current = np.array([50, 30, 20]) * 10**9, np.array([40, 30, 30]) * 10**9
    expected = -0.1 * math.log(0.4 / 0.5) + 0.1 * math.log(0.3 / 0.2)
    assert stability_index(reference, current).value == pytest.approx(expected)


def test_equal_shares_have_no_shift() -> None:
    """Samples of different sizes with the same shares have an index of about 0."""
    assert stability_index([4_000, 6_000], [400, 600]).value == pytest.approx(0, abs=1e-6)


def test_the_index_is_symmetric() -> None:
    """It does not matter which sample is called the reference."""
    one, other = [50, 30, 20, 0], [20, 30, 40, 3]
    assert stability_index(one, other).value == pytest.approx(stability_index(other, one).value)


def test_an_empty_bin_keeps_the_index_finite_and_growing_with_evidence() -> None:
    """A category that the reference never showed counts more, the more rows show it."""
    few = stability_index([10_000, 0], [9_999, 1]).value
    many = stability_index([10_000, 0], [7_000, 3_000]).value
    assert 0 < few < 0.001
    assert many > 0.25
    assert math.isfinite(many)


def test_bins_that_nobody_is_in_do_not_count() -> None:
    """An empty bin of both samples changes neither the index nor its critical value."""
    assert stability_index([5, 7], [6, 9]) == stability_index([5, 0, 7], [6, 0, 9])


def test_the_critical_value_is_chi_squared() -> None:
    """(1/n + 1/m) times the quantile of chi-squared with bins - 1 degrees of freedom: 21.666."""
    value = critical_stability_index(10, 20_000, 6_000, 0.99)
    assert value == pytest.approx(21.665994 * (1 / 20_000 + 1 / 6_000), rel=1e-6)
    assert critical_stability_index(1, 20_000, 6_000) == 0


@pytest.mark.parametrize("shares", [np.full(10, 0.1), np.array([0.9, 0.05, 0.04, 0.01])])
def test_chance_stays_below_the_critical_value_as_often_as_it_says(shares: np.ndarray) -> None:
    """Of 2,000 pairs of samples from one population about 1 % exceed the 99 % value."""
    generator = np.random.default_rng(5)
    pairs = zip(
        generator.multinomial(4_000, shares, 2_000),
        generator.multinomial(1_500, shares, 2_000),
        strict=True,
    )
    indices = [stability_index(one, other) for one, other in pairs]
    exceeding = np.mean([index.value > index.critical_value for index in indices])
    assert 0.004 <= exceeding <= 0.018


@pytest.mark.parametrize(
    ("reference", "current", "message"),
    [
        ([1, 2], [1, 2, 3], "2 bins of the reference and 3 of the current"),
        ([0, 0], [1, 2], "0 rows of reference"),
        ([1, 2], [0, 0], "both samples need rows"),
    ],
)
def test_nothing_to_compare_is_not_measured(
    reference: list[int], current: list[int], message: str
) -> None:
    """An empty sample or other bins have no index, not an index of 0."""
    with pytest.raises(NotMeasurable, match=message):
        stability_index(reference, current)


def test_bins_hold_equal_shares_of_the_reference() -> None:
    """Quantiles of the reference: ten bins with a tenth of it each, missing apart."""
    values = np.random.default_rng(1).normal(size=1_000)
    bins = NumberBins.of(np.append(values, [np.nan] * 7), 10)
    assert bins.counts(np.append(values, [np.nan] * 7)).tolist() == [100] * 10 + [7]
    assert bins.labels[-1] == "missing"
    assert len(bins.labels) == 11


def test_few_values_are_bins_of_their_own() -> None:
    """A flag has a bin for 0, for 1, for any other value and for missing ones."""
    bins = NumberBins.of([0, 1, 1, np.nan], 10)
    assert bins.labels == ("0", "1", "other", "missing")
    assert bins.counts([0, 0, 1, 0.5, 2, np.nan]).tolist() == [2, 1, 2, 1]


def test_a_constant_reference_sees_another_value() -> None:
    """Drift away from a constant is no row of the constant's bin."""
    bins = NumberBins.of([3.0] * 50, 10)
    assert bins.counts([3.0, 2.0, 4.0]).tolist() == [1, 2, 0]


def test_a_reference_without_values_has_bins_too() -> None:
    """Where every value is missing, a value that turns up is another one."""
    bins = NumberBins.of([np.nan] * 5, 10)
    assert bins.counts([np.nan, 1.0, 2.0]).tolist() == [2, 1]


def test_ties_make_fewer_bins() -> None:
    """Nine tenths of zeros share one bin; no bin is made twice."""
    values = np.concatenate((np.zeros(900), np.arange(1, 101)))
    bins = NumberBins.of(values, 10)
    assert bins.counts(values).sum() == 1_000
    assert bins.counts(values)[0] == 900
    assert len(set(bins.labels)) == len(bins.labels)


def test_values_beyond_the_reference_fall_into_the_outer_bins() -> None:
    """A current value below or above all that was seen is counted, not lost."""
    bins = NumberBins.of(np.arange(100.0), 4)
    assert bins.counts([-1e9, 1e9]).tolist() == [1, 0, 0, 1, 0]


def test_categories_others_and_missing_are_counted_apart() -> None:
    """A category that is not listed is neither lost nor taken for a missing value."""
    labels, counts = category_counts({"F": 3, None: 2, "X": 4}, ("F", "M"))
    assert labels == ("F", "M", "other", "missing")
    assert counts.tolist() == [3, 0, 4, 2]


def test_the_p_value_agrees_with_the_critical_value() -> None:
    """At the critical value of 99 % the p-value is 0.01."""
    index = stability_index([500, 500], [550, 450], 0.99)
    at_the_edge = stability_index([500, 500], [550, 450], 1 - index.p_value)
    assert at_the_edge.critical_value == pytest.approx(index.value)
    assert stability_index([5, 0], [7, 0]).p_value == 1


def test_rare_bins_are_put_together() -> None:
    """Neighbours, until ten rows of the smaller sample are expected; no row is lost."""
    one, other = gathered([1_000, 16, 8, 900, 18, 3], [500, 8, 4, 450, 9, 2])
    assert one.tolist() == [1_000, 900, 24, 21]
    assert other.tolist() == [500, 450, 12, 11]


def test_what_is_still_rare_at_the_end_joins_others() -> None:
    """No bin is left with fewer rows than asked for, unless all rows are in one."""
    assert [counts.tolist() for counts in gathered([9, 9, 8], [9, 9, 8])] == [[26], [26]]
    assert [counts.tolist() for counts in gathered([99, 40, 2], [99, 40, 2])] == [[99, 42]] * 2
    assert [counts.tolist() for counts in gathered([3, 0], [2, 0])] == [[3], [2]]


def test_what_is_frequent_in_one_sample_alone_stays_apart() -> None:
    """A category that is new and frequent is no rare bin."""
    one, other = gathered([5_000, 5_000, 0], [400, 400, 200])
    assert (one.tolist(), other.tolist()) == ([5_000, 5_000, 0], [400, 400, 200])


@pytest.mark.parametrize("rows", [(20_000, 500), (400, 400)])
def test_rare_bins_do_not_alarm_more_often_than_they_may(rows: tuple[int, int]) -> None:
    """Of 20,000 pairs with rare categories at most two in a thousand have a p-value below 0.001."""
    generator = np.random.default_rng(6)
    shares = 1 / np.arange(1, 41) ** 1.5
    samples = [generator.multinomial(n, shares / shares.sum(), 20_000) for n in rows]
    low = [
        stability_index(*gathered(one, other)).p_value < 1e-3
        for one, other in zip(*samples, strict=True)
    ]
    assert np.mean(low) < 2e-3


def test_rare_quantiles_do_not_alarm_more_often_than_they_may() -> None:
    """Bins of equal reference rows, nine expected in each: below 0.001 in at most 2 of 1,000."""
    generator = np.random.default_rng(7)
    reference = np.append(np.full(10, 150), 3_500)
    current = generator.multinomial(300, reference / reference.sum(), 20_000)
    low = [stability_index(*gathered(reference, now)).p_value < 1e-3 for now in current]
    assert np.mean(low) < 2e-3
