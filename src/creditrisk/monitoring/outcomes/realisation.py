"""Performance once outcomes are known."""

from __future__ import annotations

from collections.abc import Iterable

from creditrisk.core.settings import CalibrationSettings, OutcomeSettings
from creditrisk.models import metrics
from creditrisk.models.metrics import Estimate
from creditrisk.models.metrics.grades import (
    jeffreys_interval,
    jeffreys_test,
    observed_expected_by_rate,
    traffic_light,
)
from creditrisk.monitoring.outcomes.expectation import expected_performance
from creditrisk.monitoring.outcomes.measures import (
    GradeOutcome,
    Matured,
    Measure,
    Realised,
    errors,
)
from creditrisk.monitoring.outcomes.samples import Outcomes

_LEAST_OF_AN_OUTCOME = 2


def matured(sample: Outcomes, settings: OutcomeSettings) -> Matured | None:
    """Outcomes beside the promise of the same applicants' PDs; None where there is no outcome."""
    if not sample.pd.size:
        return None
    realised = realised_performance(sample, settings.interval_confidence)
    expected = expected_performance(sample.pd, settings.interval_confidence)
    return Matured(realised=realised, expected=expected, error=errors(realised, expected))


def realised_performance(sample: Outcomes, confidence: float) -> Realised:
    """What came out of at least one decision."""
    rows, defaults = sample.target.size, sample.defaults
    known = Realised(
        outcomes=rows,
        defaults=defaults,
        mean_pd=sample.mean_pd,
        default_rate=_default_rate(defaults, rows, confidence),
        brier_score=Measure.of(metrics.brier_score(sample.target, sample.pd, confidence)),
        observed_expected=_observed_expected(defaults, rows, sample.mean_pd, confidence),
    )
    if min(defaults, rows - defaults) < _LEAST_OF_AN_OUTCOME:
        return known
    auc = metrics.roc_auc_estimate(sample.target, sample.pd, confidence)
    ks = metrics.kolmogorov_smirnov(sample.target, sample.pd, confidence)
    return known.model_copy(
        update={
            "roc_auc": Measure.of(auc),
            "gini": Measure.of(Estimate(*map(metrics.gini, auc))),
            "ks": Measure(value=ks.value, low=ks.low, high=ks.high),
        }
    )


def grade_outcomes(
    sample: Outcomes, confidence: float, lights: CalibrationSettings
) -> Iterable[GradeOutcome]:
    """Each grade that has an outcome, in the order of their names."""
    for grade in sample.names("grade"):
        part = sample.where("grade", grade)
        rows, defaults, mean_pd = part.target.size, part.defaults, part.mean_pd
        p_value = jeffreys_test(defaults, rows, mean_pd)
        yield GradeOutcome(
            grade=grade,
            outcomes=rows,
            defaults=defaults,
            mean_pd=mean_pd,
            default_rate=_default_rate(defaults, rows, confidence),
            observed_expected=_observed_expected(defaults, rows, mean_pd, confidence),
            jeffreys_p=p_value,
            light=traffic_light(p_value, lights.amber, lights.red),
        )


def _default_rate(defaults: int, rows: int, confidence: float) -> Measure:
    low, high = jeffreys_interval(defaults, rows, confidence)
    return Measure(value=defaults / rows, low=low, high=high)


def _observed_expected(
    defaults: int, rows: int, mean_pd: float, confidence: float
) -> Measure | None:
    if not mean_pd > 0:
        return None
    return Measure.of(observed_expected_by_rate(defaults, rows, mean_pd, confidence))
