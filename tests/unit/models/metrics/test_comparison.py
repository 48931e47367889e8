from __future__ import annotations

import math
import time

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy
from metric_samples import few, samples
from scipy import stats

from creditrisk.models.metrics import NotMeasurable
from creditrisk.models.metrics.comparison import (
    compare_roc_auc,
    difference_of_shares,
    rank_correlation,
)


@st.composite
def pairs_of_scores(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Outcomes with two scores that tie often."""
    target, one = draw(samples())
    twelfths = st.integers(0, 12).map(lambda i: i / 12)
    return target, one, draw(st_numpy.arrays(np.float64, target.size, elements=twelfths))


def won(target: np.ndarray, score: np.ndarray) -> np.ndarray:
    """For each defaulter (rows) and other (columns): 1, 0.5 or 0."""
    defaults, others = score[target == 1][:, None], score[target == 0][None, :]
    return (defaults > others) + 0.5 * (defaults == others)


def brute_force(target: np.ndarray, one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """The difference and its variance as DeLong writes them: covariances over all pairs."""
    pairs = [won(target, score) for score in (one, other)]
    of_defaults = np.cov([table.mean(axis=1) for table in pairs])
    of_others = np.cov([table.mean(axis=0) for table in pairs])
    covariance = of_defaults / pairs[0].shape[0] + of_others / pairs[0].shape[1]
    contrast = np.array([1, -1])
    return pairs[0].mean() - pairs[1].mean(), contrast @ covariance @ contrast


@few
@given(pairs_of_scores())
def test_delong_is_the_sum_over_all_pairs(case: tuple[np.ndarray, ...]) -> None:
    """Difference, interval and p-value equal those of the slow calculation, ties included."""
    value, variance = brute_force(*case)
    assume(variance > 1e-9)
    found = compare_roc_auc(*case, confidence=0.9)
    reach = stats.norm.ppf(0.95) * math.sqrt(variance)
    assert found.difference.value == pytest.approx(value, abs=1e-12)
    assert found.difference.low == pytest.approx(max(-1, value - reach), abs=1e-9)
    assert found.difference.high == pytest.approx(min(1, value + reach), abs=1e-9)
    assert found.p_value == pytest.approx(2 * stats.norm.sf(abs(value) / math.sqrt(variance)))


@few
@given(pairs_of_scores())
def test_the_order_of_two_models_changes_the_sign_only(case: tuple[np.ndarray, ...]) -> None:
    """Candidate against champion is champion against candidate, mirrored."""
    target, one, other = case
    forth, back = compare_roc_auc(target, one, other), compare_roc_auc(target, other, one)
    assert forth.difference.value == -back.difference.value
    assert forth.difference.low == -back.difference.high
    assert forth.p_value == back.p_value


@few
@given(samples())
def test_a_score_does_not_differ_from_its_own_ranks(sample: tuple[np.ndarray, np.ndarray]) -> None:
    """Rising transformations leave no difference, no interval and no doubt."""
    target, score = sample
    found = compare_roc_auc(target, score, np.exp(3 * score))
    assert found.difference == (0, 0, 0)
    assert found.p_value == 1


def correlated_scores(
    generator: np.random.Generator, shift: float, rows: int = 400
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A fifth defaults, and two scores with a common part; only the second is worse by a shift."""
    target = (np.arange(rows) < rows // 5).astype(np.int8)
    common = generator.standard_normal(rows)
    one = target + common + 0.5 * generator.standard_normal(rows)
    other = (1 - shift) * target + common + 0.5 * generator.standard_normal(rows)
    return target, one, other


def test_two_models_of_one_quality_differ_by_chance_as_often_as_said() -> None:
    """Of 400 samples about 5 % have an interval without 0, and those are the small p-values."""
    generator = np.random.default_rng(5)
    found = [compare_roc_auc(*correlated_scores(generator, 0.0)) for _ in range(400)]
    outside = [not each.difference.low <= 0 <= each.difference.high for each in found]
    assert outside == [each.p_value < 0.05 for each in found]
    assert 0.025 <= np.mean(outside) <= 0.08


def test_the_same_rows_tell_more_than_others() -> None:
    """The paired interval is narrower than that of two independent samples."""
    target, one, other = correlated_scores(np.random.default_rng(6), 0.3)
    paired = compare_roc_auc(target, one, other).difference
    generator = np.random.default_rng(7)
    shuffled = np.concatenate(
        [generator.permutation(other[:80]), generator.permutation(other[80:])]
    )
    apart = compare_roc_auc(target, one, shuffled).difference
    assert paired.value == pytest.approx(apart.value)
    assert paired.high - paired.low < 0.8 * (apart.high - apart.low)


def test_two_rows_of_each_outcome_are_required() -> None:
    """DeLong's variance needs them."""
    with pytest.raises(NotMeasurable, match="1 defaults and 2 others"):
        compare_roc_auc([1, 0, 0], [0.5, 0.2, 0.6], [0.4, 0.2, 0.6])


def test_a_full_test_side_takes_well_under_a_second() -> None:
    """60,000 rows are compared in O(n log n), not over a billion pairs."""
    generator = np.random.default_rng(0)
    target, scores = generator.random(60_000) < 0.08, generator.random((2, 60_000))
    started = time.process_time()
    compare_roc_auc(target, *scores)
    assert time.process_time() - started < 1


@few
@given(pairs_of_scores())
def test_rank_correlations_are_scipy_s(case: tuple[np.ndarray, ...]) -> None:
    """Both count ties as scipy does."""
    _, one, other = case
    assume(np.ptp(one) > 0 and np.ptp(other) > 0)
    found = rank_correlation(one, other)
    assert found.spearman == pytest.approx(stats.spearmanr(one, other).statistic, abs=1e-12)
    assert found.kendall == pytest.approx(stats.kendalltau(one, other).statistic, abs=1e-12)


def test_equal_scores_have_no_order() -> None:
    """A model that tells nobody apart correlates with nothing."""
    with pytest.raises(NotMeasurable, match="all scores are equal"):
        rank_correlation([0.1, 0.2, 0.3], [0.5, 0.5, 0.5])


def test_a_difference_of_shares_is_newcombe_s() -> None:
    """The worked example of the paper: 56 of 70 against 48 of 80."""
    found = difference_of_shares((56, 70), (48, 80))
    assert found.value == pytest.approx(0.2)
    assert (found.low, found.high) == pytest.approx((0.0524, 0.3339), abs=5e-5)


def test_nobody_has_no_share() -> None:
    """Without a trial there is nothing to compare."""
    with pytest.raises(NotMeasurable, match="0 and 80 trials"):
        difference_of_shares((0, 0), (48, 80))
