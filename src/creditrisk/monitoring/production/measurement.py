"""A production pull against what is stored of a model's training side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from creditrisk.contracts.tables import APPLICANT_KEY
from creditrisk.core.errors import MissingFile
from creditrisk.core.files import sha256_of
from creditrisk.core.settings import ProductionSettings, Settings
from creditrisk.mlops.monitoring_reference import MonitoringReference
from creditrisk.models.encoding import FeatureEncoding
from creditrisk.models.errors import MissingFeatures
from creditrisk.monitoring.drift import Comparison, DriftStatus, Shift, compare, worst
from creditrisk.monitoring.drift.domain import domain_shift
from creditrisk.monitoring.drift.judgement import bars_by_method
from creditrisk.monitoring.drift.report import FOUND, DomainShift, detected
from creditrisk.monitoring.production.errors import ForeignReference
from creditrisk.monitoring.production.predictions import measured_predictions
from creditrisk.monitoring.production.pull import Pull
from creditrisk.monitoring.production.report import (
    AlarmName,
    NotMeasured,
    Predictions,
    ProductionDriftReport,
)
from creditrisk.monitoring.production.violations import refusing
from creditrisk.scoring.scorer import Scorer

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

_MOST_NAMED = 5
_TRAINING_SIDE = "train"


def measure_production(
    pull: Pull, scorer: Scorer, settings: Settings, training: pa.Table | None = None
) -> ProductionDriftReport:
    """Compare a pull with the monitoring reference of the model's bundle.

    Args:
        pull: applicants of production.
        scorer: the model.
        settings: bars and policy.
        training: the rows that the model was trained on, for the domain classifier.
    """
    reference = scorer.bundle.monitoring_reference()
    scores = _scores(pull, scorer)
    found = compare(reference, pull.table, scores, settings.monitor_drift)
    order = [feature.name for feature in scorer.manifest.features]
    features = sorted(found.features, key=lambda shift: order.index(shift.name))
    predictions = _predictions(scores, reference, settings)
    domain = None if training is None else _domain(training, pull, scorer, found, settings)
    status = worst([found.status, *_further(predictions, domain)])
    report = ProductionDriftReport(
        bundle_sha256=scorer.bundle_sha256,
        window=pull.window,
        reference_rows=reference.rows,
        confidence=settings.monitor_drift.confidence,
        tests=found.judgement.tests,
        level=found.judgement.level,
        bars=bars_by_method(settings.monitor_drift),
        status=status,
        drift_detected=detected(status),
        alarms=(),
        drift_share=found.drift_share,
        score=found.score,
        predictions=predictions,
        domain=domain,
        features=tuple(_with_reason(shift, pull.absent) for shift in features),
        unseen_categories=sum(shift.new_rows for shift in features),
        contract_violations=refusing(pull.broken_rules),
        broken_rules=pull.broken_rules,
        extra_columns=pull.extra_columns,
        not_measured=tuple(_not_measured(pull, found, predictions, domain)),
    )
    return report.model_copy(update={"alarms": _alarms(report, settings.monitoring.production)})


def training_rows(path: Path, scorer: Scorer) -> pa.Table:
    """The rows that the model was trained on.

    Raises:
        MissingFile: nothing is there.
        ForeignReference: it is another file.
    """
    from pyarrow import parquet

    if not path.is_file():
        raise MissingFile(path, "the domain classifier", "Check --reference, or leave it out.")
    seen, required = sha256_of(path), scorer.manifest.snapshot.splits[_TRAINING_SIDE]
    if seen != required:
        raise ForeignReference(path, seen, required)
    names = [APPLICANT_KEY, *(feature.name for feature in scorer.manifest.features)]
    return parquet.read_table(path, columns=names)


def _scores(pull: Pull, scorer: Scorer) -> NDArray[np.float64] | str:
    """The PDs that were answered, else the model's; or why there are none."""
    if pull.scores is not None:
        return pull.scores
    try:
        return scorer.probabilities(pull.table)
    except MissingFeatures:
        names = [f.name for f in scorer.manifest.features if f.name not in pull.table.column_names]
        return f"the model reads {len(names)} columns that could not be had: {_listed(names)}"


def _predictions(
    scores: NDArray[np.float64] | str, reference: MonitoringReference, settings: Settings
) -> Predictions | None:
    if isinstance(scores, str):
        return None
    return measured_predictions(
        scores, reference.scores, settings.policy, settings.monitoring.production
    )


def _domain(
    training: pa.Table, pull: Pull, scorer: Scorer, found: Comparison, settings: Settings
) -> DomainShift:
    """Whether the rows can be told from those of training by the columns that both have."""
    compared = {shift.name for shift in found.features if shift.measures}
    shared = tuple(f for f in scorer.manifest.features if f.name in compared)
    threads = settings.resources.usable_threads
    if not shared:
        return DomainShift(
            status="not measured",
            reason="no input could be compared",
            reference_rows=training.num_rows,
            current_rows=pull.table.num_rows,
        )
    encoding = FeatureEncoding(features=shared)
    return domain_shift(training, pull.table, encoding, found.judgement, threads)


def _further(predictions: Predictions | None, domain: DomainShift | None) -> list[DriftStatus]:
    """What counts beside score and inputs.

    Decisions follow from the score: with too few rows to judge them, the score's verdict stands.
    """
    changes = [predictions.approval, predictions.decline] if predictions else []
    found = [change.status for change in changes if change.status != "not measured"]
    return found + ([domain.status] if domain else [])


def _alarms(report: ProductionDriftReport, settings: ProductionSettings) -> tuple[AlarmName, ...]:
    """What a person must look at."""
    bar = settings.max_broken_share * report.window.rows
    firing: dict[AlarmName, bool] = {
        "score_drift": report.score.status in FOUND,
        "input_drift": any(shift.status in FOUND for shift in report.features),
        "domain_drift": report.domain is not None and report.domain.status in FOUND,
        "decision_drift": _changed(report.predictions),
        "drift_not_measured": report.status == "not measured",
        "contract_violations": report.contract_violations > bar,
        "unseen_categories": report.unseen_categories > bar,
    }
    return tuple(name for name, fires in firing.items() if fires)


def _changed(predictions: Predictions | None) -> bool:
    """Whether decisions are others than training's would have been."""
    return predictions is not None and "drifted" in {
        predictions.approval.status,
        predictions.decline.status,
    }


def _with_reason(shift: Shift, absent: Mapping[str, str]) -> Shift:
    """A shift that says why its column was not there, where that is known."""
    if shift.name not in absent:
        return shift
    return shift.model_copy(update={"reason": absent[shift.name]})


def _not_measured(
    pull: Pull, found: Comparison, predictions: Predictions | None, domain: DomainShift | None
) -> list[NotMeasured]:
    shifts = [
        NotMeasured(what=shift.name, why=_with_reason(shift, pull.absent).reason or "")
        for shift in (found.score, *found.features)
        if shift.status == "not measured"
    ]
    decisions = _unmeasured_decisions(pull, found, predictions)
    return [*shifts, *decisions, *_unmeasured_domain(domain), *pull.not_measured]


def _unmeasured_domain(domain: DomainShift | None) -> list[NotMeasured]:
    why = "no rows of training were given (--reference)" if domain is None else domain.reason
    return [] if why is None else [NotMeasured(what="domain classifier", why=why)]


def _unmeasured_decisions(
    pull: Pull, found: Comparison, predictions: Predictions | None
) -> list[NotMeasured]:
    if predictions is None:
        return [NotMeasured(what="decisions", why=found.score.reason or "there are no PDs")]
    changes = {"approvals": predictions.approval, "declines": predictions.decline}
    return [
        NotMeasured(
            what=what,
            why=f"too few rows ({pull.window.rows:,}): chance alone reaches "
            f"{change.critical_difference:.3f}",
        )
        for what, change in changes.items()
        if change.status == "not measured"
    ]


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
