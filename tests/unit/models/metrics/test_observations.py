from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from metric_samples import CALIBRATION, RANKING, assert_same, few, samples

from creditrisk.models import metrics

if TYPE_CHECKING:
    import numpy as np


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
