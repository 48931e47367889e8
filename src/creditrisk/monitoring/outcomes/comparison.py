"""The test side on the band of risk that gets loans: what the realised AUC may be held against."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from creditrisk.core.report import Part
from creditrisk.core.settings import OutcomeSettings, PolicySettings
from creditrisk.models import metrics
from creditrisk.models.metrics import Floats, NotMeasurable
from creditrisk.monitoring.outcomes.expectation import expected_performance
from creditrisk.monitoring.outcomes.measures import Expected, Measure


class ReferenceSide(Part):
    """ROC-AUC on the test side: of all applicants, and of those whom today's policy approves.

    `expected_approved` is what the PDs of the latter promised: how far it lies from
    `roc_auc_approved` is the error of such a promise where everything is known.
    """

    bundle_sha256: str
    applicants: int
    approved: int
    roc_auc: Measure | None
    roc_auc_approved: Measure | None
    expected_approved: Expected | None


def reference_side(
    predictions: Path, bundle_sha256: str, policy: PolicySettings, settings: OutcomeSettings
) -> ReferenceSide:
    """Measure the test side's predictions (`reports/test_predictions.parquet`)."""
    from pyarrow import parquet

    table = parquet.read_table(predictions, columns=["TARGET", "PD"])
    target, pd = table["TARGET"].to_numpy().astype(bool), table["PD"].to_numpy()
    approved = pd < policy.approve_below
    confidence = settings.interval_confidence
    return ReferenceSide(
        bundle_sha256=bundle_sha256,
        applicants=pd.size,
        approved=int(np.sum(approved)),
        roc_auc=_roc_auc(target, pd, confidence),
        roc_auc_approved=_roc_auc(target[approved], pd[approved], confidence),
        expected_approved=(
            expected_performance(pd[approved], confidence) if approved.any() else None
        ),
    )


def _roc_auc(target: metrics.Outcomes, pd: Floats, confidence: float) -> Measure | None:
    try:
        return Measure.of(metrics.roc_auc_estimate(target, pd, confidence))
    except NotMeasurable:
        return None
