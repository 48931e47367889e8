"""How well PDs rank applicants, and how true they are.

Every function takes outcomes (`target`, 1 for default) and PDs or scores of the same rows, both of
shape (n_rows,). All raise `NotMeasurable` for no rows, different lengths, outcomes other than 0
and 1, and scores that are not finite; those of ranking also where one outcome is missing, those of
calibration also for PDs outside [0, 1]. Equal scores are never told apart by the order of rows.
"""

from creditrisk.models.metrics.bands import (
    Decile,
    RiskBand,
    decile_table,
    risk_bands,
)
from creditrisk.models.metrics.calibration import (
    Recalibration,
    brier_score,
    calibration_in_the_large,
    default_rate,
    expected_calibration_error,
    log_loss,
    observed_expected,
    recalibration,
)
from creditrisk.models.metrics.decisions import (
    Confusion,
    confusion_at,
)
from creditrisk.models.metrics.intervals import (
    Estimate,
    Interval,
    wilson_interval,
)
from creditrisk.models.metrics.log_odds import (
    SMALLEST_PD,
)
from creditrisk.models.metrics.observations import (
    Counts,
    Floats,
    NotMeasurable,
    Outcomes,
)
from creditrisk.models.metrics.ranking import (
    KolmogorovSmirnov,
    PrecisionRecallCurve,
    RocCurve,
    ScoreCounts,
    average_precision,
    gini,
    kolmogorov_smirnov,
    precision_recall_curve,
    roc_auc,
    roc_auc_estimate,
    roc_curve,
    score_counts,
)

__all__ = [
    "SMALLEST_PD",
    "Confusion",
    "Counts",
    "Decile",
    "Estimate",
    "Floats",
    "Interval",
    "KolmogorovSmirnov",
    "NotMeasurable",
    "Outcomes",
    "PrecisionRecallCurve",
    "Recalibration",
    "RiskBand",
    "RocCurve",
    "ScoreCounts",
    "average_precision",
    "brier_score",
    "calibration_in_the_large",
    "confusion_at",
    "decile_table",
    "default_rate",
    "expected_calibration_error",
    "gini",
    "kolmogorov_smirnov",
    "log_loss",
    "observed_expected",
    "precision_recall_curve",
    "recalibration",
    "risk_bands",
    "roc_auc",
    "roc_auc_estimate",
    "roc_curve",
    "score_counts",
    "wilson_interval",
]
