"""What PDs promise is what outcomes drawn from them bring."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from creditrisk.models import metrics
from creditrisk.models.metrics import Estimate, Floats
from creditrisk.monitoring.outcomes.expectation import (
    expected_brier_score,
    expected_default_rate,
    expected_ks,
    expected_performance,
    expected_roc_auc,
)

DRAWS = 2_000
PDS = np.random.default_rng(3).beta(1, 9, 400)
TIED = np.round(PDS, 2) + 0.005

Realise = Callable[[Floats, Floats], float]
PROMISES: dict[str, tuple[Callable[[Floats, float], Estimate | None], Realise]] = {
    "roc_auc": (expected_roc_auc, metrics.roc_auc),
    "brier_score": (expected_brier_score, lambda y, p: metrics.brier_score(y, p).value),
    "default_rate": (expected_default_rate, lambda y, _: float(np.mean(y))),
    "ks": (expected_ks, lambda y, p: metrics.kolmogorov_smirnov(y, p).value),
}


@pytest.mark.parametrize("pds", [PDS, TIED], ids=["distinct", "tied"])
@pytest.mark.parametrize("metric", PROMISES)
def test_a_promise_is_what_drawn_outcomes_bring(metric: str, pds: Floats) -> None:
    """Value and interval agree with the mean and the spread over outcomes drawn by the PDs."""
    promise, realise = PROMISES[metric]
    chance = np.random.default_rng(5)
    seen = np.array([realise(chance.random(pds.size) < pds, pds) for _ in range(DRAWS)])
    estimate = promise(pds, 0.95)
    assert estimate is not None
    spread = float(np.std(seen))
    assert estimate.value == pytest.approx(float(np.mean(seen)), abs=0.2 * spread)
    assert float(np.mean((seen >= estimate.low) & (seen <= estimate.high))) == pytest.approx(
        0.95, abs=0.025
    )


def test_the_expected_auc_of_two_applicants_is_known() -> None:
    """PDs 0.2 and 0.6: in order with 0.6 * 0.8, out of order with 0.2 * 0.4."""
    estimate = expected_roc_auc(np.array([0.2, 0.6]), 0.95)
    assert estimate is not None
    assert estimate.value == pytest.approx(0.48 / 0.56)


@pytest.mark.parametrize("pds", [[0.3], [0.0, 0.0], [1.0, 1.0]])
def test_nothing_can_be_ranked_without_two_outcomes(pds: list[float]) -> None:
    """One decision, or outcomes that are certain, promise no AUC and no KS."""
    promised = expected_performance(np.array(pds), 0.95)
    assert (promised.roc_auc, promised.gini, promised.ks) == (None, None, None)
    assert promised.decisions == len(pds)


def test_a_promise_is_the_same_each_time() -> None:
    """The draws behind KS are the same in every process."""
    assert expected_performance(PDS, 0.95) == expected_performance(PDS, 0.95)


def test_a_riskier_month_promises_more_defaults() -> None:
    """The default rate is the mean PD, Gini twice the AUC less one."""
    promised = expected_performance(PDS, 0.95)
    assert promised.default_rate.value == pytest.approx(float(PDS.mean()))
    assert promised.gini is not None
    assert promised.roc_auc is not None
    assert promised.gini.value == pytest.approx(2 * promised.roc_auc.value - 1)
