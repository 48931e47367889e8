"""Performance before outcomes are known: what true PDs promise of AUC, KS, Brier, default rate.

If every PD is true, outcomes are independent draws with these probabilities, and each metric has a
distribution that follows from the PDs alone. Nothing here sees an outcome.

Source: Kivimaki, Bialek, Kuberski, Nurminen, Performance estimation in binary classification using
calibrated confidence (2025), arXiv:2505.05295; the variance of the AUC by its first derivatives.
"""

from __future__ import annotations

import math

import numpy as np

from creditrisk.models.metrics import Estimate, Floats, gini
from creditrisk.models.metrics.intervals import normal_estimate
from creditrisk.monitoring.outcomes.measures import Expected, Measure

_KS_DRAWS = 200
_SEED = 26


def expected_performance(pd: Floats, confidence: float) -> Expected:
    """What these PDs promise; `pd` has at least one value."""
    auc = expected_roc_auc(pd, confidence)
    ks = expected_ks(pd, confidence)
    return Expected(
        decisions=pd.size,
        default_rate=Measure.of(expected_default_rate(pd, confidence)),
        brier_score=Measure.of(expected_brier_score(pd, confidence)),
        roc_auc=Measure.of(auc) if auc else None,
        gini=Measure.of(Estimate(*map(gini, auc))) if auc else None,
        ks=Measure.of(ks) if ks else None,
    )


def expected_default_rate(pd: Floats, confidence: float) -> Estimate:
    """The mean PD; its variance is that of a sum of unequal coins."""
    deviation = math.sqrt(float(np.sum(pd * (1 - pd)))) / pd.size
    return normal_estimate(float(np.mean(pd)), deviation, confidence, lowest=0, highest=1)


def expected_brier_score(pd: Floats, confidence: float) -> Estimate:
    """The mean of p (1 - p): a row's score is p^2 or (1 - p)^2, which lie 1 - 2p apart."""
    spread = pd * (1 - pd)
    deviation = math.sqrt(float(np.sum(spread * (1 - 2 * pd) ** 2))) / pd.size
    return normal_estimate(float(np.mean(spread)), deviation, confidence, lowest=0, highest=1)


def expected_roc_auc(pd: Floats, confidence: float) -> Estimate | None:
    """The expected share of pairs of a default and another that are in order, ties half.

    Each applicant is a default by p and another by 1 - p, and forms no pair with itself.
    """
    _, codes = np.unique(pd, return_inverse=True)
    defaults = np.bincount(codes, weights=pd)
    others = np.bincount(codes, weights=1 - pd)
    all_defaults, all_others = float(defaults.sum()), float(others.sum())
    own = float(np.sum(pd * (1 - pd)))
    pairs = all_defaults * all_others - own
    if pairs <= 0:
        return None
    others_below = np.cumsum(others) - others / 2
    value = (float(np.sum(defaults * others_below)) - own / 2) / pairs
    below = others_below / all_others
    above = 1 - (np.cumsum(defaults) - defaults / 2) / all_defaults
    slope = below / all_defaults - above / all_others
    slope -= value * (1 / all_defaults - 1 / all_others)
    deviation = math.sqrt(float(np.sum(pd * (1 - pd) * slope[codes] ** 2)))
    return normal_estimate(value, deviation, confidence, lowest=0, highest=1)


def expected_ks(pd: Floats, confidence: float) -> Estimate | None:
    """The mean of KS over drawn outcomes and its spread, the same draws each time.

    It has no closed form: the largest of many gaps lies higher the fewer the outcomes.
    """
    ordered = np.sort(pd)
    ends = np.flatnonzero(np.append(np.diff(ordered) > 0, True))
    chance = np.random.default_rng(_SEED)
    drawn = [_drawn_ks(ordered, ends, chance) for _ in range(_KS_DRAWS)]
    found = [value for value in drawn if value is not None]
    if not found:
        return None
    deviation = float(np.std(found))
    return normal_estimate(float(np.mean(found)), deviation, confidence, lowest=0, highest=1)


def _drawn_ks(
    ordered: Floats, ends: np.ndarray[tuple[int], np.dtype[np.intp]], chance: np.random.Generator
) -> float | None:
    defaults = np.cumsum(chance.random(ordered.size) < ordered)
    total = int(defaults[-1])
    if total in {0, ordered.size}:
        return None
    below = defaults[ends]
    gaps = (ends + 1 - below) / (ordered.size - total) - below / total
    return float(np.max(np.abs(gaps)))
