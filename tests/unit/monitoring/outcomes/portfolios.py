"""Portfolios of PDs whose outcomes are drawn, as they are promised or otherwise."""

from __future__ import annotations

import numpy as np

from creditrisk.core.settings import OutcomeSettings
from creditrisk.models.metrics import Floats
from creditrisk.monitoring.outcomes.samples import Column, Outcomes

BARS = OutcomeSettings()
GRADES = {"A": 0.02, "B": 0.035, "C": 0.055, "D": 0.08, "E": 0.12}


def approved_pds(applicants: int, chance: np.random.Generator) -> Floats:
    """PDs as a calibrated model gives them, of applicants with less than 10 %; a mean of 4.5 %."""
    log_odds = chance.normal(-2.75, 0.85, 3 * applicants)
    pds = 1 / (1 + np.exp(-log_odds))
    return pds[pds < 0.10][:applicants]


def outcomes(
    pd: Floats,
    law: Floats,
    chance: np.random.Generator,
    *,
    months: int = 3,
    bundles: int = 1,
) -> Outcomes:
    """Outcomes drawn by `law` of applicants who had been given `pd`."""
    rows = np.arange(pd.size)
    grades = np.searchsorted([*GRADES.values()], pd, side="right")
    return Outcomes(
        pd=pd,
        target=chance.random(pd.size) < law,
        traits={
            "month": Column(
                tuple(f"2025-{1 + month:02d}" for month in range(months)), rows % months
            ),
            "bundle": Column(tuple(str(one) * 64 for one in range(bundles)), rows % bundles),
            "decision": Column(("approve",), 0 * rows),
            "grade": Column(tuple(GRADES), grades),
        },
    )


def calibrated(applicants: int = 4_000, seed: int = 1, **options: int) -> Outcomes:
    """Outcomes that come as promised."""
    chance = np.random.default_rng(seed)
    pd = approved_pds(applicants, chance)
    return outcomes(pd, pd, chance, **options)
