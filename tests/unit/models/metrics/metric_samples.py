"""Outcomes and PDs to measure, and the metrics by family."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import assume, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

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
