"""How far scores and inputs have moved from the rows that the model was made for."""

from creditrisk.monitoring.drift.comparison import Comparison, compare
from creditrisk.monitoring.drift.measurement import NoSample, measure_drift
from creditrisk.monitoring.drift.report import (
    BinShares,
    DriftReport,
    DriftStatus,
    Sample,
    Shift,
    worst,
)

__all__ = [
    "BinShares",
    "Comparison",
    "DriftReport",
    "DriftStatus",
    "NoSample",
    "Sample",
    "Shift",
    "compare",
    "measure_drift",
    "worst",
]
