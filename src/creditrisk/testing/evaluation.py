"""What a model is worth on one side of the split: the report behind `dvc metrics`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from creditrisk.core.report import Number, Part, Report
from creditrisk.core.settings import EvaluateSettings
from creditrisk.models import metrics
from creditrisk.models.metrics import Decile, Estimate
from creditrisk.testing.scored_split import ScoredSplit

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Bounds(Part):
    """A confidence interval."""

    low: Number
    high: Number


class ConfusionCounts(Part):
    """Applicants by decision at the threshold and outcome."""

    true_positives: int
    false_positives: int
    true_negatives: int
    false_negatives: int


class DecileRow(Part):
    """A tenth of the applicants, the riskiest first; see `metrics.Decile`."""

    decile: int
    rows: int
    defaults: int
    default_rate: Number
    default_rate_low: Number
    default_rate_high: Number
    mean_pd: Number
    smallest_pd: Number
    largest_pd: Number
    gain: Number
    lift: Number
    cumulative_lift: Number


class TruthComparison(Part):
    """The model beside the PDs from which a generated portfolio's outcomes were drawn.

    `attainable_*` is what the true PDs themselves reach on the same applicants; nobody does
    better but by chance. Everything is null where the portfolio is real.
    """

    status: Literal["measured", "not measured"]
    reason: str | None = None
    attainable_roc_auc: Number | None = None
    attainable_gini: Number | None = None
    attainable_brier_score: Number | None = None
    share_of_attainable_gini: Number | None = None
    mean_true_pd: Number | None = None
    mean_absolute_pd_error: Number | None = None
    root_mean_squared_pd_error: Number | None = None


class EvaluationReport(Report):
    """Metrics of one bundle on one side of the split.

    `calibration_slope` and `calibration_intercept` are null where no finite logistic
    recalibration exists, `precision` where no default is predicted, `truth` where it is not asked.
    """

    split: Literal["train", "test"]
    bundle_sha256: str
    split_sha256: str
    rows: int
    defaults: int
    default_rate: Number
    mean_pd: Number
    roc_auc: Number
    gini: Number
    ks: Number
    pr_auc: Number
    log_loss: Number
    brier_score: Number
    brier_skill: Number
    calibration_slope: Number | None
    calibration_intercept: Number | None
    calibration_in_the_large: Number
    ece: Number
    observed_expected: Number
    threshold: Number
    precision: Number | None
    recall: Number
    f1: Number
    truth: TruthComparison | None
    confidence: Number
    ece_bins: int
    intervals: dict[str, Bounds]
    confusion: ConfusionCounts
    deciles: tuple[DecileRow, ...]

    def scalars(self) -> dict[str, float]:
        """Every measured number by name, those of the comparison with the truth among them."""
        measured = self.model_dump(exclude={"confidence", "ece_bins"})
        measured |= measured.pop("truth") or {}
        return {
            name: float(value) for name, value in measured.items() if isinstance(value, int | float)
        }

    def headline(self) -> str:
        """The report in one line for a person."""
        auc = self.intervals["roc_auc"]
        return (
            f"{self.rows:,} applicants, ROC-AUC {self.roc_auc:.4f} "
            f"({auc.low:.4f} to {auc.high:.4f}), mean PD {self.mean_pd:.4f}, "
            f"default rate {self.default_rate:.4f}"
        )

    def bounds(self) -> dict[str, float]:
        """Every interval's ends as `name_low` and `name_high`."""
        return {
            f"{name}_{end}": value
            for name, interval in self.intervals.items()
            for end, value in interval.model_dump().items()
        }


# What `registry.promote_on_metric` may name: the higher, the better.
PROMOTABLE_METRICS = (
    "roc_auc",
    "gini",
    "ks",
    "pr_auc",
    "brier_skill",
    "precision",
    "recall",
    "f1",
    "share_of_attainable_gini",
)


def evaluate(
    split: Literal["train", "test"],
    scored: ScoredSplit,
    *,
    bundle_sha256: str,
    threshold: float,
    settings: EvaluateSettings,
    truth: TruthComparison | None = None,
) -> EvaluationReport:
    """Measure ranking, calibration and decisions.

    Raises:
        NotMeasurable: the side has fewer than two applicants of an outcome, or PDs are none.
    """
    confusion = metrics.confusion_at(scored.target, scored.pd, threshold)
    estimates = _estimates(scored, confusion, settings.confidence)
    values = {name: estimate.value for name, estimate in estimates.items()}
    measured: dict[str, Any] = {name: values.get(name) for name in _WITH_INTERVAL}
    rate = values["default_rate"]
    return EvaluationReport(
        split=split,
        bundle_sha256=bundle_sha256,
        split_sha256=scored.sha256,
        rows=scored.target.size,
        defaults=int(scored.target.sum()),
        mean_pd=float(np.mean(scored.pd)),
        brier_skill=1 - values["brier_score"] / (rate * (1 - rate)),
        ece=metrics.expected_calibration_error(scored.target, scored.pd, settings.ece_bins),
        threshold=threshold,
        f1=confusion.f1,
        truth=truth,
        confidence=settings.confidence,
        ece_bins=settings.ece_bins,
        intervals={
            name: Bounds(low=estimate.low, high=estimate.high)
            for name, estimate in estimates.items()
        },
        confusion=_counts(confusion),
        deciles=_deciles(scored, settings.confidence),
        **measured,
    )


_WITH_INTERVAL = (
    "default_rate",
    "roc_auc",
    "gini",
    "ks",
    "pr_auc",
    "log_loss",
    "brier_score",
    "calibration_slope",
    "calibration_intercept",
    "calibration_in_the_large",
    "observed_expected",
    "precision",
    "recall",
)


def _estimates(
    scored: ScoredSplit, confusion: metrics.Confusion, confidence: float
) -> dict[str, Estimate]:
    """Every value that has an interval; those that cannot be measured are left out."""
    sample = (scored.target, scored.pd, confidence)
    auc, ks = metrics.roc_auc_estimate(*sample), metrics.kolmogorov_smirnov(*sample)
    estimates = {
        "default_rate": metrics.default_rate(scored.target, confidence),
        "roc_auc": auc,
        "gini": Estimate(*map(metrics.gini, auc)),
        "ks": Estimate(ks.value, ks.low, ks.high),
        "pr_auc": metrics.average_precision(*sample),
        "log_loss": metrics.log_loss(*sample),
        "brier_score": metrics.brier_score(*sample),
        "calibration_in_the_large": metrics.calibration_in_the_large(*sample),
        "observed_expected": metrics.observed_expected(*sample),
        **_decision_estimates(confusion, confidence),
    }
    recalibration = metrics.recalibration(*sample)
    if recalibration is not None:
        estimates["calibration_slope"] = recalibration.slope
        estimates["calibration_intercept"] = recalibration.intercept
    return estimates


def _decision_estimates(confusion: metrics.Confusion, confidence: float) -> dict[str, Estimate]:
    hits = confusion.true_positives
    trials = {
        "precision": hits + confusion.false_positives,
        "recall": hits + confusion.false_negatives,
    }
    return {
        name: Estimate(hits / count, *metrics.wilson_interval(hits, count, confidence))
        for name, count in trials.items()
        if count
    }


def compare_with_truth(
    scored: ScoredSplit, true_pds: NDArray[np.float64] | None
) -> TruthComparison:
    """Set the model beside the true PDs; 'not measured' where there are none."""
    if true_pds is None:
        return TruthComparison(status="not measured", reason="the portfolio has no true PDs")
    attainable = metrics.roc_auc(scored.target, true_pds)
    gini = metrics.gini(metrics.roc_auc(scored.target, scored.pd))
    errors = scored.pd - true_pds
    return TruthComparison(
        status="measured",
        attainable_roc_auc=attainable,
        attainable_gini=metrics.gini(attainable),
        attainable_brier_score=metrics.brier_score(scored.target, true_pds).value,
        share_of_attainable_gini=gini / metrics.gini(attainable) if attainable > 0.5 else None,  # noqa: PLR2004 - chance
        mean_true_pd=float(np.mean(true_pds)),
        mean_absolute_pd_error=float(np.mean(np.abs(errors))),
        root_mean_squared_pd_error=float(np.sqrt(np.mean(errors**2))),
    )


def _counts(confusion: metrics.Confusion) -> ConfusionCounts:
    return ConfusionCounts(
        true_positives=confusion.true_positives,
        false_positives=confusion.false_positives,
        true_negatives=confusion.true_negatives,
        false_negatives=confusion.false_negatives,
    )


def _deciles(scored: ScoredSplit, confidence: float) -> tuple[DecileRow, ...]:
    return tuple(map(_decile_row, metrics.decile_table(scored.target, scored.pd, confidence)))


def _decile_row(decile: Decile) -> DecileRow:
    return DecileRow(
        decile=decile.number,
        rows=decile.band.rows,
        defaults=decile.band.defaults,
        default_rate=decile.band.default_rate,
        default_rate_low=decile.band.low,
        default_rate_high=decile.band.high,
        mean_pd=decile.band.mean_pd,
        smallest_pd=decile.band.smallest_pd,
        largest_pd=decile.band.largest_pd,
        gain=decile.gain,
        lift=decile.lift,
        cumulative_lift=decile.cumulative_lift,
    )
