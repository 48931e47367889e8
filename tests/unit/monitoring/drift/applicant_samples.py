"""Samples of applicants with a ratio, children, an income type, and what drift needs of a model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from creditrisk.core.settings import MonitorDriftSettings
from creditrisk.mlops.monitoring_reference import MonitoringReference, reference_of
from creditrisk.models.encoding import FeatureEncoding, ModelFeature
from creditrisk.monitoring.drift import Comparison, Shift, compare

FEATURES = (
    ModelFeature(name="RATIO", type="real"),
    ModelFeature(name="CHILDREN", type="integer"),
    ModelFeature(name="INCOME_TYPE", type="category", categories=("Pensioner", "Working")),
)
ENCODING = FeatureEncoding(features=FEATURES)
SETTINGS = MonitorDriftSettings()


class HalfOfRatio:
    """A model whose PD is half of RATIO."""

    bundle_sha256 = "b" * 64

    def probabilities(self, table: pa.Table) -> np.ndarray:
        """The PD of each row."""
        return np.asarray(table["RATIO"].to_numpy()) / 2


def applicants(rows: int, seed: int, **changes: Any) -> pa.Table:
    """Rows with a ratio, children, an income type with nulls; `changes` replace columns."""
    generator = np.random.default_rng(seed)
    kinds = generator.choice(np.array(["Pensioner", "Working"]), rows, p=(0.3, 0.7))
    columns = {
        "SK_ID_CURR": np.arange(rows) + seed * 1_000_000,
        "RATIO": generator.random(rows),
        "CHILDREN": generator.poisson(0.5, rows),
        "INCOME_TYPE": pa.array(kinds, mask=generator.random(rows) < 0.1),
    }
    return pa.table({**columns, **changes})


def reference(rows: int = 8_000, **changes: Any) -> MonitoringReference:
    """The monitoring reference of such rows."""
    table = applicants(rows, 1, **changes)
    return reference_of(ENCODING, table, HalfOfRatio().probabilities(table))


def compared(current: pa.Table, known: MonitoringReference | None = None) -> Comparison:
    """Rows against the reference of 8,000; they were not scored."""
    return compare(known or reference(), current, "nobody scored them", SETTINGS)


def shift_of(found: Comparison, name: str) -> Shift:
    """That of one column."""
    return next(shift for shift in found.features if shift.name == name)
