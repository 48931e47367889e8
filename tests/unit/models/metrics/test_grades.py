from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from creditrisk.models.metrics import NotMeasurable, expected_calibration_error
from creditrisk.models.metrics.grades import (
    binomial_test,
    chance_calibration_error,
    hosmer_lemeshow,
    jeffreys_interval,
    jeffreys_test,
    observed_expected_by_rate,
    traffic_light,
)


@pytest.mark.parametrize(("defaults", "rows", "pd"), [(0, 20, 0.01), (12, 400, 0.02), (5, 5, 0.9)])
def test_jeffreys_is_the_posterior_below_the_pd(defaults: int, rows: int, pd: float) -> None:
    """Beta(D + 1/2, N - D + 1/2) at the PD, as the European Central Bank writes it."""
    expected = stats.beta.cdf(pd, defaults + 0.5, rows - defaults + 0.5)
    assert jeffreys_test(defaults, rows, pd) == pytest.approx(expected)


@pytest.mark.parametrize(("defaults", "rows", "pd"), [(0, 20, 0.01), (12, 400, 0.02), (5, 5, 0.9)])
def test_binomial_is_the_upper_tail(defaults: int, rows: int, pd: float) -> None:
    """The chance of as many defaults or more."""
    expected = stats.binomtest(defaults, rows, pd, alternative="greater").pvalue
    assert binomial_test(defaults, rows, pd) == pytest.approx(expected)


def test_more_defaults_make_a_pd_less_credible() -> None:
    """Both p-values fall with every default."""
    for test in (jeffreys_test, binomial_test):
        values = [test(defaults, 100, 0.05) for defaults in range(20)]
        assert values == sorted(values, reverse=True)
        assert values[0] > 0.9
        assert values[-1] < 0.001


@pytest.mark.parametrize(
    ("p_value", "light"), [(0.2, "green"), (0.05, "green"), (0.03, "amber"), (0.009, "red")]
)
def test_lights_follow_the_significance(p_value: float, light: str) -> None:
    """A p-value at a bar still has the better light."""
    assert traffic_light(p_value) == light


def test_jeffreys_interval_is_the_beta_quantiles() -> None:
    """Half of what lies outside is on either side; without a default it begins at 0."""
    low, high = jeffreys_interval(8, 200, 0.9)
    assert (low, high) == pytest.approx(stats.beta.ppf([0.05, 0.95], 8.5, 192.5))
    assert jeffreys_interval(0, 10).low == 0
    assert jeffreys_interval(10, 10).high == 1


def test_jeffreys_interval_covers_the_rate() -> None:
    """About 95 of 100 intervals hold the true rate, with few defaults too."""
    generator = np.random.default_rng(3)
    intervals = [jeffreys_interval(int(d), 300, 0.95) for d in generator.binomial(300, 0.03, 2_000)]
    covered = np.mean([low <= 0.03 <= high for low, high in intervals])
    assert covered == pytest.approx(0.95, abs=0.02)


def test_observed_over_expected_scales_the_interval_by_the_pd() -> None:
    """Twice the defaults that the PD says: 2, and the rate's interval over the PD."""
    ratio = observed_expected_by_rate(40, 1_000, 0.02, 0.95)
    low, high = jeffreys_interval(40, 1_000, 0.95)
    assert ratio == pytest.approx((2.0, low / 0.02, high / 0.02))


def test_a_pd_of_nothing_has_no_ratio() -> None:
    """Expected defaults of 0 cannot be divided by."""
    with pytest.raises(NotMeasurable, match="the mean PD is 0"):
        observed_expected_by_rate(1, 10, 0.0)


@pytest.mark.parametrize("test", [jeffreys_test, binomial_test])
def test_no_row_is_not_measured(test: object) -> None:
    """A grade without applicants is neither good nor bad."""
    with pytest.raises(NotMeasurable, match="no row"):
        test(0, 0, 0.1)  # type: ignore[operator]


def test_hosmer_lemeshow_is_the_sum_over_tenths() -> None:
    """Two bands of equal PDs, computed by hand: one degree of freedom a band."""
    pd = np.repeat([0.1, 0.3], 100)
    target = np.concatenate((np.arange(100) < 15, np.arange(100) < 24))
    found = hosmer_lemeshow(target, pd, 2)
    expected = 25 / 9 + 36 / 21
    assert (found.statistic, found.degrees_of_freedom) == (pytest.approx(expected), 2)
    assert found.p_value == pytest.approx(stats.chi2.sf(expected, 2))


def test_hosmer_lemeshow_of_true_pds_is_uniform() -> None:
    """About 5 % of true PDs have a p-value below 0.05."""
    generator = np.random.default_rng(9)
    low = 0
    for _ in range(400):
        pd = generator.beta(2, 20, 2_000)
        low += hosmer_lemeshow(generator.random(2_000) < pd, pd).p_value < 0.05
    assert 0.02 <= low / 400 <= 0.09


def test_chance_alone_makes_a_calibration_error() -> None:
    """The expected error of true PDs is what true PDs show on average."""
    generator = np.random.default_rng(4)
    seen = []
    for _ in range(100):
        pd = generator.beta(8, 80, 4_000)
        seen.append(expected_calibration_error(generator.random(4_000) < pd, pd, 10))
    assert chance_calibration_error(1 / 11, 4_000, 10) == pytest.approx(np.mean(seen), rel=0.08)
