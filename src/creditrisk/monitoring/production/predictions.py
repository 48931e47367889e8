"""What a model says of production, and what the policy makes of it, against the training side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from creditrisk.core.settings import PolicySettings, ProductionSettings
from creditrisk.mlops.monitoring_reference import NumberReference
from creditrisk.monitoring.drift import DriftStatus
from creditrisk.monitoring.production.report import Change, Predictions

if TYPE_CHECKING:
    from numpy.typing import NDArray

_COMPARISONS = 2  # approved, declined: a false alarm of either is one of the report


def measured_predictions(
    scores: NDArray[np.float64],
    reference: NumberReference,
    policy: PolicySettings,
    settings: ProductionSettings,
) -> Predictions:
    """Compare PDs and decisions with those of the training side.

    The decisions there are taken by today's policy from the stored distribution of its PDs.
    """
    rows = sum(reference.counts)
    approved = share_below(reference, policy.approve_below)
    not_declined = share_below(reference, policy.decline_from)
    now = (
        float(np.mean(scores < policy.approve_below)),
        float(np.mean(scores < policy.decline_from)),
    )
    return Predictions(
        mean_pd=float(np.mean(scores)),
        approval=_change(approved, now[0], (rows, len(scores)), settings),
        decline=_change(1 - not_declined, 1 - now[1], (rows, len(scores)), settings),
    )


def share_below(reference: NumberReference, bound: float) -> float:
    """The share of the reference's values below a bound, linear between its stored quantiles."""
    if reference.by_value:
        below = np.searchsorted(reference.points, bound, side="left")
        return float(sum(reference.counts[:below]) / sum(reference.counts))
    points, at_or_below = reference.quantiles, reference.at_or_below
    if not points:  # a bundle of before they were stored
        points, at_or_below = (
            reference.points,
            tuple(np.cumsum(reference.counts)[: len(reference.points)]),
        )
    levels = np.array(at_or_below) / sum(reference.counts)
    return float(np.interp(bound, [0.0, *points, 1.0], [0.0, *levels, 1.0]))


def _change(
    reference: float, current: float, rows: tuple[int, int], settings: ProductionSettings
) -> Change:
    """A difference of two shares with what chance explains (normal approximation, pooled)."""
    from scipy.special import ndtri

    pooled = (reference * rows[0] + current * rows[1]) / sum(rows)
    deviation = np.sqrt(pooled * (1 - pooled) * (1 / rows[0] + 1 / rows[1]))
    z = ndtri(1 - (1 - settings.confidence) / (2 * _COMPARISONS))
    critical = float(z * deviation)
    return Change(
        reference_share=reference,
        current_share=current,
        difference=current - reference,
        critical_difference=critical,
        status=_status(abs(current - reference), critical, settings.max_decision_change),
    )


def _status(difference: float, critical: float, bar: float) -> DriftStatus:
    if critical >= bar:
        return "not measured"
    return "drifted" if difference >= bar and difference > critical else "stable"
