from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy
from scipy import optimize, stats
from sklearn import metrics as sklearn_metrics

from creditrisk.models import metrics

# No deadline: a busy machine is no failure.
few = settings(deadline=None, max_examples=40)

RANKING: list[Callable[..., Any]] = [
    metrics.roc_auc,
    metrics.roc_auc_estimate,
    metrics.kolmogorov_smirnov,
    metrics.average_precision,
    metrics.roc_curve,
    metrics.precision_recall_curve,
    metrics.decile_table,
]
CALIBRATION: list[Callable[..., Any]] = [
    metrics.log_loss,
    metrics.brier_score,
    metrics.observed_expected,
    metrics.recalibration,
    metrics.calibration_in_the_large,
    metrics.expected_calibration_error,
]


def portfolio(rows: int = 2_000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Outcomes drawn from PDs that are true, about 8 % in default; PDs rounded, so that some tie."""
    generator = np.random.default_rng(seed)
    pd = np.round(1 / (1 + np.exp(2.7 - generator.standard_normal(rows))), 3)
    return (generator.random(rows) < pd).astype(np.int8), pd


@st.composite
def samples(draw: st.DrawFn, smallest: int = 4, largest: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Any outcomes, both occurring twice or more, with PDs in [0, 1] that tie often."""
    rows = draw(st.integers(smallest, largest))
    target = draw(st_numpy.arrays(np.int8, rows, elements=st.integers(0, 1)))
    assume(2 <= target.sum() <= rows - 2)
    pd = draw(st_numpy.arrays(np.float64, rows, elements=st.integers(0, 12).map(lambda i: i / 12)))
    return target, pd


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
def test_probability_metrics_agree_with_sklearn(sample: tuple[np.ndarray, np.ndarray]) -> None:
    """Log loss and Brier score are sklearn's; PDs of 0 and 1 are moved by 1e-15."""
    target, pd = sample
    inner = np.clip(pd, 1e-15, 1 - 1e-15)
    assert metrics.log_loss(target, pd).value == pytest.approx(
        sklearn_metrics.log_loss(target, inner), rel=1e-9
    )
    assert metrics.brier_score(target, pd).value == pytest.approx(
        sklearn_metrics.brier_score_loss(target, pd)
    )


@few
@given(samples())
def test_kolmogorov_smirnov_is_scipys(sample: tuple[np.ndarray, np.ndarray]) -> None:
    """The gap is the two-sample statistic, and it is reached at the score that is named."""
    target, pd = sample
    found = metrics.kolmogorov_smirnov(target, pd)
    assert found.value == pytest.approx(stats.ks_2samp(pd[target == 1], pd[target == 0]).statistic)
    at_or_below = pd <= found.score
    gap = at_or_below[target == 0].mean() - at_or_below[target == 1].mean()
    assert abs(gap) == pytest.approx(found.value)


@pytest.mark.parametrize(
    "metric", ["kolmogorov_smirnov", "average_precision", "brier_score", "log_loss"]
)
def test_intervals_are_as_wide_as_the_bootstrap_says(metric: str) -> None:
    """The closed-form interval is within a quarter of the width that resampling gives."""
    target, pd = portfolio(4_000)
    function = getattr(metrics, metric)
    generator = np.random.default_rng(1)
    draws = (generator.integers(0, 4_000, 4_000) for _ in range(300))
    spread = np.std([function(target[rows], pd[rows]).value for rows in draws])
    estimate = function(target, pd)
    assert (estimate.high - estimate.low) / (2 * 1.96) == pytest.approx(spread, rel=0.25)


@few
@given(samples(), st.permutations(range(40)))
def test_the_order_of_rows_does_not_matter(
    sample: tuple[np.ndarray, np.ndarray], permutation: list[int]
) -> None:
    """Every metric is the same for the same rows in another order, ties or not."""
    target, pd = sample
    order = [index for index in permutation if index < target.size]
    for function in (*RANKING[:4], *CALIBRATION):
        assume(pd.sum() > 0)
        assert_same(function(target, pd), function(target[order], pd[order]))
    assert metrics.risk_bands(target, pd, 5) == metrics.risk_bands(target[order], pd[order], 5)


def assert_same(first: Any, second: Any) -> None:
    """Both results hold the same numbers up to rounding."""
    np.testing.assert_allclose(numbers(first), numbers(second), rtol=1e-6, atol=1e-8)


def numbers(result: Any) -> list[float]:
    """Every number of a metric's result."""
    if result is None:
        return []
    if isinstance(result, metrics.Recalibration):
        return [*result.intercept, *result.slope]
    if isinstance(result, metrics.KolmogorovSmirnov):
        return [result.value, result.low, result.high]
    return list(result) if isinstance(result, tuple) else [result]


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


@pytest.mark.parametrize("seed", range(3))
def test_recalibration_is_the_maximum_likelihood_fit(seed: int) -> None:
    """Intercept and slope minimise the log loss, as a general optimiser finds."""
    target, pd = portfolio(3_000, seed)
    pd = np.clip(pd, 0.001, 0.999)
    x = np.log(pd / (1 - pd))

    def loss(coefficients: np.ndarray) -> float:
        eta = coefficients[0] + coefficients[1] * x
        return float(np.sum(np.logaddexp(0, eta) - target * eta))

    fit = metrics.recalibration(target, pd)
    assert fit is not None
    expected = optimize.minimize(loss, [0, 1], method="BFGS", options={"gtol": 1e-6}).x
    assert (fit.intercept.value, fit.slope.value) == pytest.approx(tuple(expected), abs=1e-4)


def test_recalibration_undoes_a_known_distortion() -> None:
    """PDs with halved and shifted log-odds are found out: slope 2, intercept twice the shift back."""
    target, pd = portfolio(200_000)
    pd = np.clip(pd, 0.001, 0.999)
    distorted = 1 / (1 + np.exp(-(np.log(pd / (1 - pd)) / 2 - 0.3)))
    true_fit, fit = metrics.recalibration(target, pd), metrics.recalibration(target, distorted)
    assert true_fit is not None
    assert fit is not None
    assert fit.slope.value == pytest.approx(2 * true_fit.slope.value)
    shift = true_fit.intercept.value + 0.6 * true_fit.slope.value
    assert fit.intercept.value == pytest.approx(shift)
    assert true_fit.slope.low < 1 < true_fit.slope.high


def test_recalibration_intervals_cover_as_often_as_they_say() -> None:
    """For true PDs about 95 % of the intervals hold slope 1 and intercept 0."""
    generator = np.random.default_rng(8)
    hits = []
    for _ in range(300):
        pd = 1 / (1 + np.exp(2 - generator.standard_normal(1_500)))
        fit = metrics.recalibration(generator.random(1_500) < pd, pd)
        assert fit is not None
        hits.append(
            (fit.slope.low < 1 < fit.slope.high, fit.intercept.low < 0 < fit.intercept.high)
        )
    assert np.all((np.mean(hits, axis=0) > 0.91) & (np.mean(hits, axis=0) < 0.99))


@pytest.mark.parametrize(
    "pd",
    [[0.1, 0.1, 0.1, 0.1], [0.1, 0.2, 0.8, 0.9], [0.9, 0.8, 0.2, 0.1], [0.1, 0.5, 0.5, 0.9]],
    ids=["constant", "separated", "separated the wrong way", "separated but for a tie"],
)
def test_recalibration_without_a_finite_fit_is_none(pd: list[float]) -> None:
    """Where the likelihood rises without end there is no slope to report."""
    assert metrics.recalibration([0, 0, 1, 1], pd) is None


@few
@given(samples())
def test_calibration_in_the_large_makes_the_mean_true(
    sample: tuple[np.ndarray, np.ndarray],
) -> None:
    """Shifting all log-odds by it gives a mean PD equal to the default rate."""
    target, pd = sample
    shift = metrics.calibration_in_the_large(target, pd).value
    inner = np.clip(pd, metrics.SMALLEST_PD, 1 - metrics.SMALLEST_PD)
    log_odds = np.log(inner) - np.log1p(-inner) + shift
    assert np.mean(1 / (1 + np.exp(-log_odds))) == pytest.approx(target.mean(), abs=1e-6)


def test_observed_over_expected() -> None:
    """Three defaults where 1.5 were expected are twice as many; the interval is chance alone."""
    estimate = metrics.observed_expected([1, 1, 1, 0, 0, 0], np.full(6, 0.25))
    deviation = math.sqrt(6 * 0.25 * 0.75) / 1.5
    assert estimate.value == 2
    assert estimate.high == pytest.approx(2 + 1.959964 * deviation, rel=1e-6)


@few
@given(samples(), st.integers(2, 12))
def test_risk_bands_hold_every_row_once_and_never_split_a_tie(
    sample: tuple[np.ndarray, np.ndarray], bins: int
) -> None:
    """Bands are disjoint in PD, rise, and add up to the sample."""
    target, pd = sample
    bands = metrics.risk_bands(target, pd, bins)
    assert len(bands) <= bins
    assert sum(band.rows for band in bands) == target.size
    assert sum(band.defaults for band in bands) == target.sum()
    assert all(a.largest_pd < b.smallest_pd for a, b in itertools.pairwise(bands))
    assert sum(b.rows * b.mean_pd for b in bands) == pytest.approx(pd.sum())


def test_risk_bands_of_distinct_pds_are_equal_in_size() -> None:
    """A thousand different PDs give ten bands of a hundred."""
    pd = np.random.default_rng(0).permutation(1_000) / 1_000
    bands = metrics.risk_bands(np.arange(1_000) % 2, pd, 10)
    assert [band.rows for band in bands] == [100] * 10


def test_deciles_by_hand() -> None:
    """Twenty rows whose four defaulters are the two, the fifth and the last by PD."""
    target = np.zeros(20, dtype=int)
    target[[0, 1, 4, 19]] = 1
    table = metrics.decile_table(target, np.linspace(0.9, 0.1, 20))
    assert [decile.number for decile in table] == list(range(1, 11))
    assert [decile.band.defaults for decile in table] == [2, 0, 1, 0, 0, 0, 0, 0, 0, 1]
    assert [decile.gain for decile in table] == [0.5, 0.5, *[0.75] * 7, 1.0]
    assert [table[0].lift, table[2].lift] == pytest.approx([5, 2.5])
    assert [table[1].cumulative_lift, table[9].cumulative_lift] == pytest.approx([2.5, 1])


def test_expected_calibration_error_by_hand() -> None:
    """Two bands of two rows: |0.5 - 0.15| and |1 - 0.7|, averaged."""
    error = metrics.expected_calibration_error([0, 1, 1, 1], [0.1, 0.2, 0.6, 0.8], bins=2)
    assert error == pytest.approx((0.35 + 0.3) / 2)


@few
@given(samples())
def test_confusion_agrees_with_sklearn(sample: tuple[np.ndarray, np.ndarray]) -> None:
    """Counts, precision, recall and F1 at a threshold are sklearn's; the threshold is a default."""
    target, pd = sample
    found = metrics.confusion_at(target, pd, 0.5)
    predicted = pd >= 0.5
    expected = sklearn_metrics.confusion_matrix(target, predicted, labels=[0, 1]).ravel()
    counts = (
        found.true_negatives, found.false_positives, found.false_negatives, found.true_positives
    )  # fmt: skip
    assert counts == tuple(expected)
    assert found.f1 == pytest.approx(sklearn_metrics.f1_score(target, predicted))
    assert found.recall == pytest.approx(sklearn_metrics.recall_score(target, predicted))
    if predicted.any():
        expected_precision = sklearn_metrics.precision_score(target, predicted)
        assert found.precision == pytest.approx(expected_precision)


def test_precision_without_a_predicted_default_is_none() -> None:
    """Nothing predicted means no precision, not a precision of zero."""
    confusion = metrics.confusion_at([0, 1], [0.1, 0.2], 0.5)
    assert (confusion.precision, confusion.recall, confusion.f1) == (None, 0, 0)


@few
@given(st.integers(1, 200), st.data())
def test_wilson_interval_is_scipys(trials: int, data: st.DataObject) -> None:
    """The interval is the score interval of scipy's binomial test."""
    successes = data.draw(st.integers(0, trials))
    expected = stats.binomtest(successes, trials).proportion_ci(0.95, method="wilson")
    found = metrics.wilson_interval(successes, trials)
    assert found == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_default_rate_has_its_interval() -> None:
    """Two of ten are 20 %, between Wilson's bounds."""
    estimate = metrics.default_rate([1, 1] + [0] * 8)
    assert estimate == pytest.approx((0.2, *metrics.wilson_interval(2, 10)))


@pytest.mark.parametrize("function", [*RANKING, *CALIBRATION], ids=lambda f: f.__name__)
@pytest.mark.parametrize(
    ("target", "score", "message"),
    [
        ([], [], "no row"),
        ([0, 1], [0.1], "one score a row"),
        ([[0, 1]], [[0.1, 0.2]], "one score a row"),
        ([0, 2, 1], [0.1, 0.2, 0.3], "neither 0 nor 1"),
        ([0, math.nan, 1], [0.1, 0.2, 0.3], "neither 0 nor 1"),
        ([0, 1], [0.1, math.nan], "1 scores are not finite"),
        ([0, 1], [-math.inf, math.inf], "2 scores are not finite"),
    ],
    ids=["empty", "lengths", "matrix", "two", "unknown", "nan", "infinite"],
)
def test_unusable_input_is_refused(
    function: Callable[..., Any], target: list[Any], score: list[Any], message: str
) -> None:
    """No metric turns unusable rows into a number."""
    with pytest.raises(metrics.NotMeasurable, match=message):
        function(target, score)


@pytest.mark.parametrize("function", [*RANKING, *CALIBRATION[3:5]], ids=lambda f: f.__name__)
@pytest.mark.parametrize("target", [[0, 0], [1, 1]], ids=["no default", "only defaults"])
def test_one_outcome_is_refused(function: Callable[..., Any], target: list[int]) -> None:
    """Ranking and recalibration need both outcomes."""
    with pytest.raises(metrics.NotMeasurable, match="both outcomes must occur"):
        function(target, [0.1, 0.2])


@pytest.mark.parametrize("function", CALIBRATION, ids=lambda f: f.__name__)
def test_a_pd_beyond_one_is_refused(function: Callable[..., Any]) -> None:
    """Calibration is about probabilities."""
    with pytest.raises(metrics.NotMeasurable, match=r"1 PDs lie outside \[0, 1\]"):
        function([0, 1], [0.5, 1.1])


def test_one_row_of_an_outcome_has_no_interval() -> None:
    """DeLong's variance needs two rows of each outcome."""
    with pytest.raises(metrics.NotMeasurable, match="1 defaults and 2 others"):
        metrics.roc_auc_estimate([1, 0, 0], [0.5, 0.2, 0.6])


def test_expecting_no_default_at_all_is_refused() -> None:
    """A ratio to nothing is not a number."""
    with pytest.raises(metrics.NotMeasurable, match="all PDs are 0"):
        metrics.observed_expected([0, 1], [0, 0])


@few
@given(samples(smallest=6))
def test_certain_pds_that_are_wrong_stay_finite(sample: tuple[np.ndarray, np.ndarray]) -> None:
    """PDs of exactly 0 and 1 never give an infinite or undefined number."""
    target, pd = sample
    certain = np.round(pd)
    assume(certain.sum() > 0)
    for function in CALIBRATION:
        assert np.isfinite(numbers(function(target, certain))).all()


def test_a_full_test_side_takes_well_under_a_second() -> None:
    """DeLong's interval of 60,000 rows is computed in O(n log n), not over a billion pairs."""
    import time

    target, _ = portfolio(60_000)
    scores = np.random.default_rng(0).random(60_000)
    started = time.process_time()
    metrics.roc_auc_estimate(target, scores)
    assert time.process_time() - started < 1
