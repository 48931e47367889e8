"""The parts of a performance report: what came out, what PDs promise, and the difference."""

from __future__ import annotations

from creditrisk.core.report import Number, Part
from creditrisk.models.metrics import Estimate
from creditrisk.models.metrics.grades import Light


class Measure(Part):
    """A value with its interval."""

    value: Number
    low: Number
    high: Number

    @classmethod
    def of(cls, estimate: Estimate) -> Measure:
        """The part of an estimate."""
        return cls(value=estimate.value, low=estimate.low, high=estimate.high)


class Expected(Part):
    """What the PDs of these decisions promise, if they are true.

    The interval is where the outcomes of these very applicants will put the metric. Ranking is
    null for fewer than two decisions or PDs that are all 0 or all 1.
    """

    decisions: int
    default_rate: Measure
    brier_score: Measure
    roc_auc: Measure | None = None
    gini: Measure | None = None
    ks: Measure | None = None


class Realised(Part):
    """What came out. Ranking is null where fewer than two of an outcome occurred."""

    outcomes: int
    defaults: int
    mean_pd: Number
    default_rate: Measure
    brier_score: Measure
    observed_expected: Measure | None = None
    roc_auc: Measure | None = None
    gini: Measure | None = None
    ks: Measure | None = None


class Errors(Part):
    """Realised less expected, of the same applicants."""

    default_rate: Number
    brier_score: Number
    roc_auc: Number | None = None
    gini: Number | None = None
    ks: Number | None = None


class GradeOutcome(Part):
    """The outcomes of a grade, with the light of Jeffreys' test that its PD is high enough."""

    grade: str
    outcomes: int
    defaults: int
    mean_pd: Number
    default_rate: Measure
    observed_expected: Measure | None
    jeffreys_p: Number
    light: Light


class Matured(Part):
    """Outcomes beside what the PDs of the same applicants had promised."""

    realised: Realised
    expected: Expected
    error: Errors


def errors(realised: Realised, expected: Expected) -> Errors:
    """How far the promise was from the truth."""
    return Errors(
        default_rate=realised.default_rate.value - expected.default_rate.value,
        brier_score=realised.brier_score.value - expected.brier_score.value,
        roc_auc=_difference(realised.roc_auc, expected.roc_auc),
        gini=_difference(realised.gini, expected.gini),
        ks=_difference(realised.ks, expected.ks),
    )


def _difference(realised: Measure | None, expected: Measure | None) -> float | None:
    return None if realised is None or expected is None else realised.value - expected.value
