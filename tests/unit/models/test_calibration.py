"""Raw scores to PDs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from pydantic import ValidationError

from creditrisk.models.calibration import AffineCalibration, fit_platt, link
from creditrisk.models.errors import CalibrationNotFitted, InvertedCalibration

if TYPE_CHECKING:
    from numpy.typing import NDArray


def drawn(rows: int, slope: float, intercept: float) -> tuple[NDArray[Any], NDArray[np.int8]]:
    """Scores, and outcomes drawn from link(slope * score + intercept)."""
    generator = np.random.default_rng(4)
    scores = generator.normal(-1, 2, rows)
    odds = np.exp(slope * scores + intercept)
    return scores, (generator.random(rows) < odds / (1 + odds)).astype(np.int8)


def test_the_link_is_scipy_s_and_the_c_library_s() -> None:
    """Every PD has the bits of 1 / (1 + exp(-x)) in C, which scipy's expit has too."""
    from scipy.special import expit

    scores = np.random.default_rng(1).normal(0, 5, 10_000)
    assert np.array_equal(link(scores), expit(scores))
    assert link(scores)[0] == 1 / (1 + math.exp(-scores[0]))


@pytest.mark.parametrize(("score", "pd"), [(-1e308, 0.0), (1e308, 1.0), (-np.inf, 0.0), (0.0, 0.5)])
def test_the_link_never_overflows(score: float, pd: float) -> None:
    """Scores of any size have a PD."""
    assert link(np.array([score]))[0] == pytest.approx(pd, abs=1e-300)


def test_the_law_is_found_again() -> None:
    """Slope and intercept of the law that drew the outcomes are estimated."""
    fitted = fit_platt(*drawn(200_000, slope=0.7, intercept=-1.5))
    assert fitted.slope == pytest.approx(0.7, abs=0.02)
    assert fitted.intercept == pytest.approx(-1.5, abs=0.03)


def test_the_mean_pd_is_the_default_rate() -> None:
    """Maximum likelihood with an intercept brings the mean PD to the observed rate."""
    scores, target = drawn(5_000, slope=0.4, intercept=-2)
    pds = fit_platt(scores, target).probabilities(scores)
    assert pds.mean() == pytest.approx(target.mean(), abs=1e-9)


def test_the_fit_is_that_of_an_unpenalised_logistic_regression() -> None:
    """An independent implementation finds the same calibration."""
    from sklearn.linear_model import LogisticRegression

    scores, target = drawn(5_000, slope=0.4, intercept=-2)
    peer = LogisticRegression(C=np.inf, tol=1e-10, solver="newton-cholesky")
    peer.fit(scores[:, None], target)
    fitted = fit_platt(scores, target)
    assert fitted.slope == pytest.approx(peer.coef_[0, 0], rel=1e-6)
    assert fitted.intercept == pytest.approx(peer.intercept_[0], rel=1e-6)


def test_scores_that_rank_backwards_are_refused() -> None:
    """A falling calibration would turn the order of applicants around."""
    scores, target = drawn(5_000, slope=0.4, intercept=-2)
    with pytest.raises(InvertedCalibration, match="must be above 0"):
        fit_platt(-scores, target)


def test_constant_scores_are_refused() -> None:
    """One score for everybody cannot be calibrated."""
    with pytest.raises(InvertedCalibration, match="slope is 0,"):
        fit_platt(np.full(10, -2.1165356), np.array([0, 1] * 5, np.int8))


def test_perfect_separation_is_refused() -> None:
    """Scores that separate the outcomes have no finite slope."""
    with pytest.raises(CalibrationNotFitted, match="5 defaults in 10 rows"):
        fit_platt(np.arange(10.0), (np.arange(10) > 4).astype(np.int8))


def test_a_falling_calibration_cannot_be_written() -> None:
    """Neither a fit nor a file can hold a slope that is not above 0."""
    with pytest.raises(ValidationError):
        AffineCalibration(slope=0.0)
