"""How far scores and inputs have moved from the rows that the model was made for."""

from creditrisk.monitoring.drift.comparison import Comparison, compare
from creditrisk.monitoring.drift.domain import domain_shift
from creditrisk.monitoring.drift.measurement import NoSample, measure_drift
from creditrisk.monitoring.drift.report import (
    BinShares,
    DomainShift,
    DriftReport,
    DriftStatus,
    Measure,
    Sample,
    Shift,
    detected,
    worst,
)

__all__ = [
    "BinShares",
    "Comparison",
    "DomainShift",
    "DriftReport",
    "DriftStatus",
    "Measure",
    "NoSample",
    "Sample",
    "Shift",
    "compare",
    "detected",
    "domain_shift",
    "measure_drift",
    "worst",
]
