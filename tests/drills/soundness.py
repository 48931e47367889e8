"""Looks for anything half-written in a project; prints what it finds, and exits 1 where it does.

    creditrisk's own interpreter: python soundness.py [--finished]

With `--finished` the bundle must be there and no temporary file may be left in what DVC tracks.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

SERVED_BY_DVC = ("data/raw", "data/truth", "data/processed", "data/splits", "models")


def problems(*, finished: bool) -> Iterator[str]:
    """What is unsound in the working folder."""
    yield from _reports()
    yield from _tables()
    yield from _bundles(finished=finished)
    yield from _ledgers()
    if finished:
        for folder in SERVED_BY_DVC:
            yield from (f"{path}: left over" for path in Path(folder).rglob("*.part"))


def _reports() -> Iterator[str]:
    from creditrisk.core.errors import CreditRiskError

    models = _models()
    for path in sorted(Path("reports").rglob("*.json")):
        model = models.get(path.relative_to("reports").as_posix())
        try:
            if model is None:
                json.loads(path.read_text(encoding="utf-8"))
            else:
                model.read(path)
        except (CreditRiskError, ValueError) as error:
            yield f"{path}: {error}"


def _models() -> dict[str, type]:
    from creditrisk.contracts.verdicts import StageVerdict, ValidationSummary
    from creditrisk.data.ingestion import IngestionSummary
    from creditrisk.mlops.lineage import DataLineage
    from creditrisk.monitoring.drift.report import DriftReport
    from creditrisk.monitoring.freshness.report import FreshnessReport
    from creditrisk.monitoring.nightly.report import NightlyReport
    from creditrisk.monitoring.outcomes.performance import PerformanceReport
    from creditrisk.monitoring.production.report import DriftMetrics, ProductionDriftReport
    from creditrisk.monitoring.retraining.history import DriftHistory
    from creditrisk.monitoring.retraining.report import RetrainTrigger
    from creditrisk.testing.evaluation import EvaluationReport
    from creditrisk.testing.post_training import PostTrainingValidation

    return {
        "ingestion_summary.json": IngestionSummary,
        "validation/build_feature_store.json": StageVerdict,
        "validation/split_data.json": StageVerdict,
        "validation_summary.json": ValidationSummary,
        "metrics.json": EvaluationReport,
        "test_metrics.json": EvaluationReport,
        "data_lineage.json": DataLineage,
        "drift_report.json": DriftReport,
        "post_training_validation.json": PostTrainingValidation,
        "production_drift_report.json": ProductionDriftReport,
        "drift_metrics.json": DriftMetrics,
        "drift_history.json": DriftHistory,
        "performance.json": PerformanceReport,
        "data_freshness.json": FreshnessReport,
        "retrain_trigger.json": RetrainTrigger,
        "nightly.json": NightlyReport,
    }


def _tables() -> Iterator[str]:
    from pyarrow import ArrowException, parquet

    for folder in ("data", "reports"):
        for path in sorted(Path(folder).rglob("*.parquet")):
            try:
                parquet.read_table(path)
            except (ArrowException, OSError) as error:
                yield f"{path}: {error}"


def _bundles(*, finished: bool) -> Iterator[str]:
    """A bundle is whole or absent: DVC removes a stage's outs before it runs."""
    from creditrisk.core.errors import CreditRiskError
    from creditrisk.mlops.bundle import Bundle

    folder = Path("models/credit_risk_pd")
    if not folder.exists():
        if finished:
            yield f"{folder}: absent"
        return
    try:
        Bundle.load(folder)
    except CreditRiskError as error:
        yield f"{folder}: {error}"


def _ledgers() -> Iterator[str]:
    from creditrisk.core.errors import CreditRiskError
    from creditrisk.ledger import DecisionLedger

    try:
        with DecisionLedger.open(create=False) as ledger:
            yield from (f"ledger: {problem}" for problem in ledger.verify().findings)
    except CreditRiskError as error:
        yield f"ledger: {error}"


if __name__ == "__main__":
    found = list(problems(finished="--finished" in sys.argv))
    sys.stdout.write("".join(f"{problem}\n" for problem in found))
    sys.exit(bool(found))
