"""`timeline.json`: what happened month by month, and whether monitoring kept its promises."""

from __future__ import annotations

from typing import Literal

from creditrisk.core.report import Number, Part, Report
from creditrisk.core.settings import DriftBars, OutcomeSettings, RetrainingSettings
from creditrisk.monitoring.drift.report import DriftStatus
from creditrisk.monitoring.outcomes.measures import Measure
from creditrisk.monitoring.retraining.evidence import Verdict
from creditrisk.monitoring.retraining.report import Decided
from creditrisk.monitoring.retraining.runs import Result

Scenario = Literal["none", "covariate", "prior", "concept"]


class DriftSeen(Part):
    """The month's decisions beside the champion's training side, measured at the month's end.

    `moved` names the inputs that are shifted or drifted. `is_above` is whether the month counts for
    'drift persists'.
    """

    status: DriftStatus
    drift_share: Number | None
    score_psi: Number | None
    domain_auc: Number | None
    domain_status: DriftStatus
    mean_pd: Number | None
    approval_rate: Number | None
    moved: tuple[str, ...]
    is_above: bool


class OutcomesSeen(Part):
    """What became of the month's accepted applicants, known a month later.

    `estimated_roc_auc` is what their PDs promised before any outcome was known; its interval is
    where the outcomes of these very applicants will put the metric.
    """

    outcomes: int
    defaults: int
    estimated_roc_auc: Measure | None
    roc_auc: Measure | None
    observed_expected: Measure | None


class Truth(Part):
    """What no lender sees: outcomes of all applicants of the month, declined ones too.

    `first_model_roc_auc` is of the PDs that the first champion would have given them.
    """

    default_rate: Number
    roc_auc: Measure
    first_model_roc_auc: Measure


class RetrainingSeen(Part):
    """What was decided about a retraining at the month's end, and what it led to."""

    decision: Decided
    why: str
    drift: Verdict
    outcomes: Verdict
    alarms: tuple[str, ...]
    result: Result | None
    failed_stage: str | None
    new_applicants: int | None

    @property
    def is_trigger(self) -> bool:
        """Whether a rule asked for a model and was followed."""
        return self.decision == "retrain"


class PromotionSeen(Part):
    """What became of a retrained model: the gates of registration, canary and promotion.

    The ROC-AUC are of the canary: both models on the same applicants, new to both; null where it
    never came to that.
    """

    promoted: bool
    version: str | None
    bundle_sha256: str
    reasons: tuple[str, ...]
    champion_roc_auc: Number | None
    candidate_roc_auc: Number | None


class TimelineMonth(Part):
    """A month: `champion` is the version that answered in it."""

    number: int
    month: str
    is_shifted: bool
    champion: str
    bundle_sha256: str
    applicants: int
    refused_requests: int
    decisions: dict[str, int]
    drift: DriftSeen
    truth: Truth
    retraining: RetrainingSeen
    promotion: PromotionSeen | None
    outcomes: OutcomesSeen | None = None

    @property
    def has_promoted(self) -> bool:
        """Whether the next month is answered by another model."""
        return self.promotion is not None and self.promotion.promoted

    def sentence(self) -> str:
        """The month in one line for a person."""
        psi, auc = self.drift.score_psi, self.truth.roc_auc.value
        end = self.retraining.decision + (", new champion" if self.has_promoted else "")
        return (
            f"{self.month}: {self.applicants:,} applicants, version {self.champion}, "
            f"score PSI {'not measured' if psi is None else f'{psi:.3f}'}, "
            f"{len(self.drift.moved)} inputs moved, true ROC-AUC {auc:.3f}; {end}"
        )


class Promise(Part):
    """What monitoring should do in the scenario, whether it did, and what was seen."""

    text: str
    kept: bool
    seen: str


class Played(Part):
    """What was simulated. The scenario holds from `from_month` on."""

    scenario: Scenario
    strength: Number
    from_month: int
    months: int
    applicants: int
    month_applicants: int
    seed: int


class Timeline(Report):
    """The months of a simulation, with the rules that decided."""

    played: Played
    domain_bars: DriftBars
    retraining: RetrainingSettings
    outcomes: OutcomeSettings
    first_champion: str
    months: tuple[TimelineMonth, ...]
    promises: tuple[Promise, ...]

    @property
    def triggers(self) -> tuple[TimelineMonth, ...]:
        """The months whose end led to a retraining."""
        return tuple(month for month in self.months if month.retraining.is_trigger)

    @property
    def promotions(self) -> tuple[TimelineMonth, ...]:
        """The months whose end brought a new champion."""
        return tuple(month for month in self.months if month.has_promoted)

    @property
    def has_kept_all(self) -> bool:
        """Whether every promise was kept."""
        return all(promise.kept for promise in self.promises)
