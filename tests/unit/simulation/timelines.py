"""Builds timelines of months in which little or much happened."""

from __future__ import annotations

from typing import Any

from creditrisk.core.settings import DriftBars, OutcomeSettings, RetrainingSettings
from creditrisk.monitoring.outcomes.measures import Measure
from creditrisk.simulation.promises import promises
from creditrisk.simulation.timeline import (
    DriftSeen,
    OutcomesSeen,
    Played,
    PromotionSeen,
    RetrainingSeen,
    Timeline,
    TimelineMonth,
    Truth,
)

QUIET_DRIFT = DriftSeen(
    status="stable",
    drift_share=0.0,
    score_psi=0.004,
    domain_auc=0.51,
    domain_status="stable",
    mean_pd=0.075,
    approval_rate=0.78,
    moved=(),
    is_above=False,
)
QUIET = RetrainingSeen(
    decision="no trigger",
    why="outcomes raise no alarm",
    drift="quiet",
    outcomes="quiet",
    alarms=(),
    result=None,
    failed_stage=None,
    new_applicants=None,
)
TRIGGERED = QUIET.model_copy(
    update={
        "decision": "retrain",
        "why": "outcomes raise an alarm: <grade B> & more",
        "outcomes": "fires",
        "result": "changed",
        "new_applicants": 9_876,
    }
)
PROMOTED = PromotionSeen(
    promoted=True,
    version="2",
    bundle_sha256="b" * 64,
    reasons=(),
    champion_roc_auc=0.741,
    candidate_roc_auc=0.752,
)
REFUSED = PROMOTED.model_copy(update={"promoted": False, "reasons": ("the canary refused it",)})


def measure(value: float) -> Measure:
    """A value with an interval around it."""
    return Measure(value=value, low=value - 0.03, high=value + 0.03)


def month(number: int, *, shifted: bool = False, gain: float = 0.0, **facts: Any) -> TimelineMonth:
    """A month with outcomes; `gain` is what the champion's ROC-AUC has over the first model's."""
    return TimelineMonth(
        **{
            "number": number,
            "month": f"2024-{number:02d}",
            "is_shifted": shifted,
            "champion": "1",
            "bundle_sha256": "a" * 64,
            "applicants": 1_000,
            "refused_requests": 0,
            "decisions": {"approve": 780, "refer": 130, "decline": 90},
            "drift": QUIET_DRIFT,
            "truth": Truth(
                default_rate=0.08,
                roc_auc=measure(0.7 + gain),
                first_model_roc_auc=measure(0.7),
            ),
            "retraining": QUIET,
            "promotion": None,
            "outcomes": OutcomesSeen(
                outcomes=910,
                defaults=55,
                estimated_roc_auc=measure(0.73),
                roc_auc=measure(0.72),
                observed_expected=measure(1.01),
            ),
            **facts,
        }
    )


def played(scenario: str = "concept", months: int = 4, from_month: int = 2) -> Played:
    """What a timeline is of."""
    return Played.model_validate(
        {
            "scenario": scenario,
            "strength": 1.0,
            "from_month": from_month,
            "months": months,
            "applicants": 30_000,
            "month_applicants": 1_000,
            "seed": 20,
        }
    )


def timeline(*months: TimelineMonth, scenario: str = "concept") -> Timeline:
    """The timeline of these months, all that were to be played."""
    of = played(scenario, len(months))
    return Timeline(
        played=of,
        domain_bars=DriftBars(shifted_from=0.55, drifted_from=0.65),
        retraining=RetrainingSettings(),
        outcomes=OutcomeSettings(),
        first_champion="a" * 64,
        months=months,
        promises=promises(of, months),
    )


def eventful() -> Timeline:
    """A shift, a retraining that is refused, one that is promoted, and better months."""
    return timeline(
        month(1),
        month(2, shifted=True, retraining=TRIGGERED, promotion=REFUSED),
        month(3, shifted=True, retraining=TRIGGERED, promotion=PROMOTED),
        month(4, shifted=True, champion="2", gain=0.03, outcomes=None),
    )
