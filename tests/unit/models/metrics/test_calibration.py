from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from metric_samples import CALIBRATION, few, numbers, portfolio, samples
from scipy import optimize
from sklearn import metrics as sklearn_metrics

from creditrisk.models import metrics


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


def test_expected_calibration_error_by_hand() -> None:
    """Two bands of two rows: |0.5 - 0.15| and |1 - 0.7|, averaged."""
    error = metrics.expected_calibration_error([0, 1, 1, 1], [0.1, 0.2, 0.6, 0.8], bins=2)
    assert error == pytest.approx((0.35 + 0.3) / 2)


def test_default_rate_has_its_interval() -> None:
    """Two of ten are 20 %, between Wilson's bounds."""
    estimate = metrics.default_rate([1, 1] + [0] * 8)
    assert estimate == pytest.approx((0.2, *metrics.wilson_interval(2, 10)))


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
