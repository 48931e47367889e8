from __future__ import annotations

import numpy as np
import pytest

from creditrisk.core.settings import PolicySettings, ProductionSettings
from creditrisk.mlops.monitoring_reference import NumberReference
from creditrisk.models.metrics.distances import Quantiles
from creditrisk.models.metrics.stability import NumberBins
from creditrisk.monitoring.production.predictions import measured_predictions, share_below
from creditrisk.monitoring.production.report import Predictions

POLICY = PolicySettings(approve_below=0.10, decline_from=0.20)


def training(values: np.ndarray) -> NumberReference:
    """What a bundle keeps of training PDs."""
    bins, quantiles = NumberBins.of(values, 10), Quantiles.of(values)
    return NumberReference(
        points=tuple(bins.points.tolist()),
        by_value=bins.by_value,
        labels=bins.labels,
        counts=tuple(bins.counts(values).tolist()),
        quantiles=tuple(quantiles.points.tolist()),
        at_or_below=tuple(quantiles.at_or_below.tolist()),
    )


def pds(rows: int, seed: int = 1, *, times: float = 1.0) -> np.ndarray:
    """PDs with a mean of 0.08, skewed as those of a portfolio are."""
    return np.clip(np.random.default_rng(seed).beta(1.2, 13.8, rows) * times, 0, 1)


def predictions(now: np.ndarray) -> Predictions:
    """Production's PDs against those of 20,000 training rows."""
    return measured_predictions(now, training(pds(20_000)), POLICY, ProductionSettings())


@pytest.mark.parametrize("bound", [0.01, 0.05, 0.10, 0.20, 0.5])
def test_shares_come_from_the_stored_quantiles(bound: float) -> None:
    """To half a per cent of what the rows themselves give."""
    values = pds(20_000)
    assert share_below(training(values), bound) == pytest.approx(np.mean(values < bound), abs=5e-3)


def test_few_distinct_pds_give_exact_shares() -> None:
    """A scorecard's few PDs are counted by value; one at the bound is not below it."""
    values = np.repeat([0.05, 0.10, 0.30], [50, 30, 20])
    assert share_below(training(values), 0.10) == 0.5
    assert share_below(training(values), 0.11) == 0.8
    assert share_below(training(values), 0.9) == 1.0


def test_a_bundle_without_quantiles_gives_shares_by_its_deciles() -> None:
    """Coarser, never none."""
    values = pds(20_000)
    old = training(values).model_copy(update={"quantiles": (), "at_or_below": ()})
    assert share_below(old, 0.10) == pytest.approx(np.mean(values < 0.10), abs=0.02)


def test_the_same_population_changes_no_decision() -> None:
    """Mean PD and shares are told, and judged stable."""
    found = predictions(pds(3_000, seed=2))
    assert found.mean_pd == pytest.approx(0.08, abs=0.005)
    assert (found.approval.status, found.decline.status) == ("stable", "stable")


def test_half_as_much_risk_again_changes_decisions() -> None:
    """Beyond the bar and beyond chance."""
    found = predictions(pds(3_000, seed=2, times=1.5))
    assert found.approval.status == "drifted"
    assert found.approval.difference < -0.05
    assert abs(found.approval.difference) > found.approval.critical_difference


def test_few_rows_tell_nothing_of_decisions() -> None:
    """Where chance alone reaches the bar, a share is shown and not judged."""
    found = predictions(pds(200, seed=2))
    assert found.approval.status == "not measured"
    assert found.approval.critical_difference > 0.05


def test_chance_makes_hardly_an_alarm() -> None:
    """Of 2,000 windows without drift at most four: the settings ask for one in a thousand."""
    reference = training(pds(20_000))
    generator = np.random.default_rng(5)
    found = [
        measured_predictions(
            generator.beta(1.2, 13.8, 1_500), reference, POLICY, ProductionSettings()
        )
        for _ in range(2_000)
    ]
    alarms = sum("drifted" in {one.approval.status, one.decline.status} for one in found)
    assert alarms <= 4
