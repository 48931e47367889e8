"""How often drift is reported where there is none, and found where there is some.

The short form of benchmarks/drift_calibration.py, on columns made up here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from creditrisk.core.settings import MonitorDriftSettings
from creditrisk.mlops.monitoring_reference import MonitoringReference, reference_of
from creditrisk.models.encoding import FeatureEncoding, ModelFeature
from creditrisk.monitoring.drift import compare
from creditrisk.monitoring.drift.report import FOUND

SETTINGS = MonitorDriftSettings()
KINDS = tuple(f"kind {number:>02}" for number in range(30))
ENCODING = FeatureEncoding(
    features=(
        *(ModelFeature(name=name, type="real") for name in ("WIDE", "HEAVY", "SPARSE")),
        *(ModelFeature(name=name, type="integer") for name in ("COUNT", "FLAG")),
        ModelFeature(name="KIND", type="category", categories=KINDS),
    )
)
PAIRS = 300
MOST_ALARMS = 8  # at a rate of 1 % there are more in 4 of 1,000 such tests; without Bonferroni 30


def people(rows: int, generator: np.random.Generator, **changes: Any) -> pa.Table:
    """Ties, heavy tails, rare categories and missing values, as real columns have them."""
    rarity = 1 / np.arange(1, len(KINDS) + 1) ** 1.5
    columns = {
        "WIDE": generator.normal(size=rows),
        "HEAVY": np.round(generator.lognormal(12, 1, rows), -3),
        "SPARSE": np.where(generator.random(rows) < 0.7, np.nan, generator.random(rows)),
        "COUNT": generator.poisson(0.4, rows),
        "FLAG": (generator.random(rows) < 0.003).astype(int),
        "KIND": generator.choice(np.array(KINDS), rows, p=rarity / rarity.sum()),
    }
    return pa.table({**columns, **changes})


def known(rows: int, generator: np.random.Generator) -> MonitoringReference:
    """Their reference; PDs have a column of their own."""
    return reference_of(ENCODING, people(rows, generator), generator.beta(1, 11, rows))


@pytest.mark.parametrize("rows", [(5_000, 300), (500, 500), (300, 3_000)])
def test_hardly_any_comparison_without_drift_alarms(rows: tuple[int, int]) -> None:
    """About 1 % of 300 pairs at most, all columns together."""
    generator = np.random.default_rng(sum(rows))
    alarms = 0
    for _ in range(PAIRS):
        scores = generator.beta(1, 11, rows[1])
        current = people(rows[1], generator)
        alarms += compare(known(rows[0], generator), current, scores, SETTINGS).status in FOUND
    assert alarms <= MOST_ALARMS


def moved_normal(rows: int, generator: np.random.Generator) -> dict[str, Any]:
    """A PSI of 0.05 in deciles: a normal column moved by 0.2285 deviations."""
    return {"WIDE": generator.normal(0.2285, size=rows)}


def fewer_missing(rows: int, generator: np.random.Generator) -> dict[str, Any]:
    """A PSI of 0.05: a share of missing values that falls from 0.7 to 0.5935."""
    return {"SPARSE": np.where(generator.random(rows) < 0.5935, np.nan, generator.random(rows))}


@pytest.mark.parametrize(("change", "name"), [(moved_normal, "WIDE"), (fewer_missing, "SPARSE")])
@pytest.mark.parametrize("rows", [2_000, 5_000])
def test_a_stability_index_of_five_hundredths_is_found(change: Any, name: str, rows: int) -> None:
    """At least 95 % of 100 samples in which one column moved that far."""
    generator = np.random.default_rng(rows)
    reference, found = known(20_000, generator), 0
    for _ in range(100):
        current = people(rows, generator, **change(rows, generator))
        shifts = compare(reference, current, "nobody scored them", SETTINGS).features
        found += next(s for s in shifts if s.name == name).status in FOUND
    assert found >= 95
