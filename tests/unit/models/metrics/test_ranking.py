from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from metric_samples import RANKING, assert_same, few, portfolio, samples
from scipy import stats
from sklearn import metrics as sklearn_metrics

from creditrisk.models import metrics


def pairs_won(target: np.ndarray, score: np.ndarray) -> np.ndarray:
    """For each defaulter (rows) and other (columns): 1, 0.5 or 0."""
    defaults, others = score[target == 1][:, None], score[target == 0][None, :]
    return (defaults > others) + 0.5 * (defaults == others)


def brute_force_delong_variance(target: np.ndarray, score: np.ndarray) -> float:
    """The variance as DeLong writes it, over all pairs."""
    won = pairs_won(target, score)
    defaulters, others = won.shape
    return float(
        np.var(won.mean(axis=1), ddof=1) / defaulters + np.var(won.mean(axis=0), ddof=1) / others
    )


@few
@given(samples())
def test_roc_auc_counts_pairs(sample: tuple[np.ndarray, np.ndarray]) -> None:
    """The area is the share of pairs in which the defaulter scores higher, ties half."""
    assert metrics.roc_auc(*sample) == pytest.approx(pairs_won(*sample).mean())
    assert metrics.roc_auc_estimate(*sample).value == pytest.approx(metrics.roc_auc(*sample))


@few
@given(samples())
def test_delong_interval_is_that_of_all_pairs(sample: tuple[np.ndarray, np.ndarray]) -> None:
    """The fast variance equals DeLong's double sum, and the interval is cut at 0 and 1."""
    estimate = metrics.roc_auc_estimate(*sample, confidence=0.9)
    reach = stats.norm.ppf(0.95) * math.sqrt(brute_force_delong_variance(*sample))
    assert estimate.low == pytest.approx(max(0, estimate.value - reach), abs=1e-12)
    assert estimate.high == pytest.approx(min(1, estimate.value + reach), abs=1e-12)


def test_delong_interval_covers_as_often_as_it_says() -> None:
    """Of 400 samples from a known law, about 95 % of the intervals hold the true area."""
    generator = np.random.default_rng(3)
    truth = stats.norm.cdf(1 / math.sqrt(2))
    hits = 0
    for _ in range(400):
        scores = np.concatenate((generator.standard_normal(40) + 1, generator.standard_normal(160)))
        estimate = metrics.roc_auc_estimate(np.repeat([1, 0], [40, 160]), scores)
        hits += estimate.low <= truth <= estimate.high
    assert 0.92 <= hits / 400 <= 0.98


@few
@given(samples())
def test_ranking_metrics_agree_with_sklearn(sample: tuple[np.ndarray, np.ndarray]) -> None:
    """ROC-AUC and average precision are sklearn's, ties included."""
    assert metrics.roc_auc(*sample) == pytest.approx(sklearn_metrics.roc_auc_score(*sample))
    expected = sklearn_metrics.average_precision_score(*sample)
    assert metrics.average_precision(*sample).value == pytest.approx(expected)


@few
@given(samples())
def test_curves_agree_with_sklearn(sample: tuple[np.ndarray, np.ndarray]) -> None:
    """The curves' points are sklearn's."""
    roc = metrics.roc_curve(*sample)
    expected = sklearn_metrics.roc_curve(*sample, drop_intermediate=False)
    for found, wanted in zip(
        (roc.false_positive_rate, roc.true_positive_rate, roc.thresholds), expected, strict=True
    ):
        np.testing.assert_allclose(found, wanted)
    pr = metrics.precision_recall_curve(*sample)
    precision, recall, thresholds = sklearn_metrics.precision_recall_curve(*sample)
    kept = np.isin(pr.thresholds, thresholds)
    np.testing.assert_allclose(pr.precision[kept], precision[:-1][::-1])
    np.testing.assert_allclose(pr.recall[kept], recall[:-1][::-1])


@few
@given(samples())
def test_kolmogorov_smirnov_is_scipys(sample: tuple[np.ndarray, np.ndarray]) -> None:
    """The gap is the two-sample statistic, and it is reached at the score that is named."""
    target, pd = sample
    found = metrics.kolmogorov_smirnov(target, pd)
    theirs = stats.ks_2samp(pd[target == 1], pd[target == 0], method="asymp")
    assert found.value == pytest.approx(theirs.statistic)
    at_or_below = pd <= found.score
    gap = at_or_below[target == 0].mean() - at_or_below[target == 1].mean()
    assert abs(gap) == pytest.approx(found.value)


@few
@given(samples())
def test_ranking_metrics_do_not_change_under_rising_maps(
    sample: tuple[np.ndarray, np.ndarray],
) -> None:
    """Only the order of scores matters to ROC-AUC, KS and average precision."""
    target, pd = sample
    for function in RANKING[:4]:
        assert_same(function(target, pd), function(target, np.exp(3 * pd) - 7))


@few
@given(samples())
def test_turned_scores_mirror_the_area(sample: tuple[np.ndarray, np.ndarray]) -> None:
    """The area of the negated score is one minus the area, Gini changes its sign, KS stays."""
    target, pd = sample
    assert metrics.roc_auc(target, -pd) == pytest.approx(1 - metrics.roc_auc(target, pd))
    assert metrics.gini(metrics.roc_auc(target, -pd)) == pytest.approx(
        -metrics.gini(metrics.roc_auc(target, pd))
    )
    assert metrics.kolmogorov_smirnov(target, -pd).value == pytest.approx(
        metrics.kolmogorov_smirnov(target, pd).value
    )


def test_perfect_and_useless_scores_have_their_known_values() -> None:
    """Separation gives 1, a constant gives a half, no gap, and the default rate."""
    target = np.array([0, 0, 0, 1, 1])
    constant = np.full(5, 0.4)
    assert metrics.roc_auc_estimate(target, target) == (1, 1, 1)
    assert metrics.average_precision(target, target) == (1, 1, 1)
    assert metrics.kolmogorov_smirnov(target, target).value == 1
    assert metrics.roc_auc(target, constant) == 0.5
    assert metrics.kolmogorov_smirnov(target, constant).value == 0
    assert metrics.average_precision(target, constant).value == pytest.approx(0.4)


def test_one_row_of_an_outcome_has_no_interval() -> None:
    """DeLong's variance needs two rows of each outcome."""
    with pytest.raises(metrics.NotMeasurable, match="1 defaults and 2 others"):
        metrics.roc_auc_estimate([1, 0, 0], [0.5, 0.2, 0.6])


def test_a_full_test_side_takes_well_under_a_second() -> None:
    """DeLong's interval of 60,000 rows is computed in O(n log n), not over a billion pairs."""
    import time

    target, _ = portfolio(60_000)
    scores = np.random.default_rng(0).random(60_000)
    started = time.process_time()
    metrics.roc_auc_estimate(target, scores)
    assert time.process_time() - started < 1
