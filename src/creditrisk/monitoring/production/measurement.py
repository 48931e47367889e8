"""A production pull against what is stored of a model's training side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from creditrisk.core.settings import Settings
from creditrisk.models.errors import MissingFeatures
from creditrisk.monitoring.drift import Comparison, Shift, compare
from creditrisk.monitoring.production.pull import Pull
from creditrisk.monitoring.production.report import NotMeasured, ProductionDriftReport
from creditrisk.monitoring.production.violations import refusing
from creditrisk.scoring.scorer import Scorer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def measure_production(pull: Pull, scorer: Scorer, settings: Settings) -> ProductionDriftReport:
    """Compare a pull with the monitoring reference of the model's bundle."""
    reference = scorer.bundle.monitoring_reference()
    scores = _scores(pull, scorer)
    found = compare(reference, pull.table, scores, settings.monitor_drift)
    order = [feature.name for feature in scorer.manifest.features]
    features = sorted(found.features, key=lambda shift: order.index(shift.name))
    return ProductionDriftReport(
        bundle_sha256=scorer.bundle_sha256,
        window=pull.window,
        reference_rows=reference.rows,
        status=found.status,
        drift_share=found.drift_share,
        predictions=None,
        features=tuple(_with_reason(shift, pull.absent) for shift in features),
        unseen_categories=(),
        contract_violations=refusing(pull.broken_rules),
        broken_rules=pull.broken_rules,
        extra_columns=pull.extra_columns,
        not_measured=_not_measured(pull, found),
    )


def _scores(pull: Pull, scorer: Scorer) -> NDArray[np.float64] | str:
    """The PDs, or why there are none."""
    if pull.scores is not None:
        return pull.scores
    try:
        return scorer.probabilities(pull.table)
    except MissingFeatures as error:
        return str(error)


def _with_reason(shift: Shift, absent: Mapping[str, str]) -> Shift:
    """A shift that says why its column was not there, where that is known."""
    if shift.name not in absent:
        return shift
    return shift.model_copy(update={"reason": absent[shift.name]})


def _not_measured(pull: Pull, found: Comparison) -> tuple[NotMeasured, ...]:
    unmeasured = [
        NotMeasured(what=shift.name, why=_with_reason(shift, pull.absent).reason or "")
        for shift in (found.score, *found.features)
        if shift.status == "not measured"
    ]
    return (*unmeasured, *pull.not_measured)
