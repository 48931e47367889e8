from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from metric_samples import few, portfolio
from scipy import stats

from creditrisk.models import metrics


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
@given(st.integers(1, 200), st.data())
def test_wilson_interval_is_scipys(trials: int, data: st.DataObject) -> None:
    """The interval is the score interval of scipy's binomial test."""
    successes = data.draw(st.integers(0, trials))
    expected = stats.binomtest(successes, trials).proportion_ci(0.95, method="wilson")
    found = metrics.wilson_interval(successes, trials)
    assert found == pytest.approx((expected.low, expected.high), abs=1e-12)
