"""Rows in bands of neighbouring PDs, and the decile table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from creditrisk.models.metrics.intervals import wilson_interval
from creditrisk.models.metrics.observations import (
    Counts,
    Floats,
    checked_probabilities,
    require_both_outcomes,
)

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


@dataclass(frozen=True, slots=True)
class RiskBand:
    """Rows of neighbouring PDs. `low` and `high` bound the default rate (Wilson)."""

    rows: int
    defaults: int
    smallest_pd: float
    largest_pd: float
    mean_pd: float
    default_rate: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Decile:
    """A tenth of the rows, the riskiest first.

    `gain` is the share of all defaulters in this and the riskier deciles, `lift` the decile's
    default rate over that of all rows, `cumulative_lift` the same for this and the riskier ones.
    """

    number: int
    band: RiskBand
    gain: float
    lift: float
    cumulative_lift: float


def risk_bands(
    target: ArrayLike, pd: ArrayLike, bins: int, confidence: float = 0.95
) -> list[RiskBand]:
    """Rows in bands of equal size by rising PD; at most `bins`, fewer where PDs are tied.

    Rows of equal PD share a band: the one in which their middle rank falls.
    """
    outcomes, probabilities = checked_probabilities(target, pd)
    distinct, codes, rows = np.unique(probabilities, return_inverse=True, return_counts=True)
    middle = np.cumsum(rows) - rows / 2
    bands = np.minimum((middle * bins / outcomes.size).astype(np.int64), bins - 1)
    defaults = np.bincount(codes, weights=outcomes, minlength=distinct.size)
    return [
        _band(distinct[members], rows[members], defaults[members], confidence)
        for members in (bands == band for band in np.unique(bands))
    ]


def decile_table(target: ArrayLike, pd: ArrayLike, confidence: float = 0.95) -> list[Decile]:
    """Rows in tenths by falling PD, with gain and lift; fewer than ten where PDs are tied."""
    bands = risk_bands(target, pd, 10, confidence)[::-1]
    rows = np.cumsum([band.rows for band in bands])
    defaults = np.cumsum([band.defaults for band in bands])
    require_both_outcomes(np.asarray(target, dtype=bool))
    overall = defaults[-1] / rows[-1]
    return [
        Decile(
            number=index + 1,
            band=band,
            gain=float(defaults[index] / defaults[-1]),
            lift=float(band.default_rate / overall),
            cumulative_lift=float(defaults[index] / rows[index] / overall),
        )
        for index, band in enumerate(bands)
    ]


def _band(scores: Floats, rows: Counts, defaults: Floats, confidence: float) -> RiskBand:
    total, defaulted = int(rows.sum()), int(defaults.sum())
    return RiskBand(
        rows=total,
        defaults=defaulted,
        smallest_pd=float(scores[0]),
        largest_pd=float(scores[-1]),
        mean_pd=float(np.sum(scores * rows) / total),
        default_rate=defaulted / total,
        **wilson_interval(defaulted, total, confidence)._asdict(),
    )
