"""Whether the model ranks well enough, is true enough and does not merely remember."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from creditrisk.core.settings import Band, FloorSettings
from creditrisk.models.metrics.grades import chance_calibration_error
from creditrisk.models.metrics.observations import NotMeasurable
from creditrisk.testing.checks import Finding, Rule

if TYPE_CHECKING:
    from creditrisk.testing.evaluation import EvaluationReport
    from creditrisk.testing.validation.evidence import Evidence

FAMILY = "floors"


def rules(evidence: Evidence, floors: FloorSettings) -> tuple[Rule, ...]:
    """The checks of this family; each bar comes from params.yaml, validate_model.floors."""
    paths = evidence.paths
    test, both = (paths.test_metrics,), (paths.train_metrics, paths.test_metrics)

    def rule(  # noqa: PLR0917 - the columns of the table below
        name: str,
        holds: str,
        bar: str,
        source: str,
        measure: Callable[[], Finding],
        files: tuple[Path, ...] = test,
    ) -> Rule:
        return Rule(name, FAMILY, holds, bar, "policy", source, files, measure)

    return (
        rule(
            "roc_auc",
            "The model ranks defaulters above other applicants, chance allowed for.",
            f"lower end of the interval at least {floors.min_roc_auc:g}",
            "DeLong, DeLong, Clarke-Pearson (1988)",
            lambda: _at_least(evidence.test_metrics, "roc_auc", floors.min_roc_auc),
        ),
        rule(
            "ks",
            "Scores of defaulters and of others lie apart, chance allowed for.",
            f"lower end of the interval at least {floors.min_ks:g}",
            "Kolmogorov-Smirnov distance; Siddiqi, Credit Risk Scorecards (2006)",
            lambda: _at_least(evidence.test_metrics, "ks", floors.min_ks),
        ),
        rule(
            "brier_skill",
            "PDs are closer to the outcomes than the default rate is.",
            f"at least {floors.min_brier_skill:g}",
            "Brier (1950), against the constant default rate",
            lambda: _brier_skill(evidence.test_metrics, floors.min_brier_skill),
        ),
        rule(
            "calibration_slope",
            "PDs spread neither too far nor too little.",
            f"interval meets {_shown(floors.calibration_slope)}",
            "Cox, Two further applications of a model for binary regression (1958)",
            lambda: _meets(evidence.test_metrics, "calibration_slope", floors.calibration_slope),
        ),
        rule(
            "calibration_in_the_large",
            "PDs are neither too high nor too low throughout: the intercept where the slope is 1.",
            f"interval meets {_shown(floors.calibration_in_the_large)}",
            "Steyerberg, Clinical Prediction Models (2019), ch. 15",
            lambda: _meets(
                evidence.test_metrics, "calibration_in_the_large", floors.calibration_in_the_large
            ),
        ),
        rule(
            "ece",
            "PDs agree with default rates over the whole range of risk.",
            f"at most {floors.max_excess_ece:g} above what true PDs show by chance",
            "Naeini, Cooper, Hauskrecht, Obtaining well calibrated probabilities (2015)",
            lambda: _calibration_error(evidence.test_metrics, floors.max_excess_ece),
        ),
        rule(
            "train_test_gap",
            "The model does not rank its own training rows far better than new ones.",
            f"interval of train minus test ROC-AUC begins at most at {floors.max_auc_gap:g}",
            "difference of two independent DeLong estimates",
            lambda: _auc_gap(evidence.train_metrics, evidence.test_metrics, floors.max_auc_gap),
            both,
        ),
    )


def _at_least(report: EvaluationReport, name: str, floor: float) -> Finding:
    interval = report.intervals[name]
    return _interval_finding(report, name, passed=interval.low >= floor)


def _meets(report: EvaluationReport, name: str, band: Band) -> Finding:
    if name not in report.intervals:
        raise NotMeasurable(f"{name} is null", "PDs that differ and overlap are required")
    interval = report.intervals[name]
    passed = interval.low <= band.high and interval.high >= band.low
    return _interval_finding(report, name, passed=passed)


def _interval_finding(report: EvaluationReport, name: str, *, passed: bool) -> Finding:
    interval, value = report.intervals[name], report.scalars()[name]
    return Finding(
        passed=passed,
        observed=f"{value:.4f} ({interval.low:.4f} to {interval.high:.4f})",
        values={name: value, "low": interval.low, "high": interval.high},
    )


def _brier_skill(report: EvaluationReport, floor: float) -> Finding:
    values = {"brier_score": report.brier_score, "brier_skill": report.brier_skill}
    observed = f"{report.brier_skill:.4f} (Brier score {report.brier_score:.5f})"
    return Finding(report.brier_skill >= floor, observed, values)


def _calibration_error(report: EvaluationReport, most: float) -> Finding:
    chance = chance_calibration_error(report.mean_pd, report.rows, report.ece_bins)
    excess = report.ece - chance
    return Finding(
        passed=excess <= most,
        observed=f"{report.ece:.4f}, by chance {chance:.4f}",
        values={"ece": report.ece, "by_chance": chance, "excess": excess},
    )


def _auc_gap(train: EvaluationReport, test: EvaluationReport, most: float) -> Finding:
    gap = train.roc_auc - test.roc_auc
    reach = math.hypot(*(_half_width(report) for report in (train, test)))
    return Finding(
        passed=gap - reach <= most,
        observed=f"{gap:.4f} ({gap - reach:.4f} to {gap + reach:.4f})",
        values={"gap": gap, "low": gap - reach, "high": gap + reach},
    )


def _half_width(report: EvaluationReport) -> float:
    interval = report.intervals["roc_auc"]
    return (interval.high - interval.low) / 2


def _shown(band: Band) -> str:
    return f"{band.low:g} to {band.high:g}"
