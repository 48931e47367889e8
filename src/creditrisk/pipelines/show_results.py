"""Print what the last pipeline run found, from its reports."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from creditrisk.pipelines.command import run

if TYPE_CHECKING:
    from creditrisk.data.ingestion import IngestionSummary
    from creditrisk.testing.evaluation import EvaluationReport, TruthComparison
    from creditrisk.testing.post_training import PostTrainingValidation
    from creditrisk.testing.promotion import RegistryTransition

Row = tuple[str, str]

LABELLED_FILE = "application_train.csv"
WHERE_TO_LOOK: tuple[Row, ...] = (
    ("The whole case", "reports/model_risk_report.html"),
    ("Pictures", "reports/test_evaluation/"),
    ("Metrics", "reports/test_metrics.json"),
    ("Decisions", "creditrisk ledger show"),
    ("MLflow UI", "make ui"),
)

Reports = Annotated[Path, typer.Option(help="Folder of the reports.")]
Seconds = Annotated[float | None, typer.Option(help="How long the run took, to be shown.")]


def main(*, reports: Reports = Path("reports"), seconds: Seconds = None) -> None:
    """Print what the last pipeline run found on applicants that the model has never seen."""
    from creditrisk.data.ingestion import IngestionSummary
    from creditrisk.testing.evaluation import EvaluationReport
    from creditrisk.testing.post_training import PostTrainingValidation
    from creditrisk.testing.promotion import RegistryTransition

    ingested = IngestionSummary.read(reports / "ingestion_summary.json")
    measured = EvaluationReport.read(reports / "test_metrics.json")
    validated = PostTrainingValidation.read(reports / "post_training_validation.json")
    transition = RegistryTransition.read(reports / "registry_transition.json")
    _print("Portfolio", _portfolio_rows(ingested, seconds))
    _print(f"Model, on {measured.rows:,} applicants it has never seen", _metric_rows(measured))
    _print("Decision", _decision_rows(validated, transition))
    _print("Where to look", WHERE_TO_LOOK)


def _print(title: str, rows: tuple[Row, ...]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left", show_header=False, box=box.SIMPLE_HEAD)
    table.add_column(min_width=30)
    table.add_column(min_width=34)
    for row in rows:
        table.add_row(*row)
    Console(highlight=False).print(table)


def _portfolio_rows(ingested: IngestionSummary, seconds: float | None) -> tuple[Row, ...]:
    applicants = sum(table.rows for table in ingested.tables if table.file == LABELLED_FILE)
    return (
        ("Source", ", ".join(sorted({table.source for table in ingested.tables}))),
        ("Applicants", f"{applicants:,}"),
        ("Raw rows", f"{ingested.total_rows:,}"),
        *([("Seconds", f"{seconds:.0f}")] if seconds is not None else []),
    )


def _metric_rows(measured: EvaluationReport) -> tuple[Row, ...]:
    interval = measured.intervals["roc_auc"]
    confidence = f"{100 * measured.confidence:.0f} % interval"
    return (
        (
            "ROC-AUC",
            f"{measured.roc_auc:.4f}  ({confidence} {interval.low:.4f} - {interval.high:.4f})",
        ),
        ("Gini", f"{measured.gini:.4f}"),
        ("KS", f"{measured.ks:.4f}"),
        ("PR-AUC", f"{measured.pr_auc:.4f}  (default rate {measured.default_rate:.4f})"),
        ("Brier score", f"{measured.brier_score:.5f}"),
        ("Calibration slope", _number(measured.calibration_slope)),
        ("Calibration error (ECE)", f"{measured.ece:.4f}"),
        ("Share of the attainable Gini", _attainable_share(measured.truth)),
    )


def _decision_rows(
    validated: PostTrainingValidation, transition: RegistryTransition
) -> tuple[Row, ...]:
    passed, required = validated.tally()
    return (
        ("Validation", f"{validated.decision}, {passed} of {required} required checks"),
        ("Registry", _registry(validated, transition)),
    )


def _registry(validated: PostTrainingValidation, transition: RegistryTransition) -> str:
    if transition.bundle_sha256 != validated.bundle_sha256:
        return "nothing decided about this model yet"
    entry = transition.ledger_sequence or "none"
    return f"{transition.decision}, version {transition.to_version}, ledger entry {entry}"


def _attainable_share(truth: TruthComparison | None) -> str:
    if truth is None or truth.share_of_attainable_gini is None:
        return "not measured (only a generated portfolio has true PDs)"
    return f"{100 * truth.share_of_attainable_gini:.1f} %  (attainable {truth.attainable_gini:.4f})"


def _number(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.3f}"


if __name__ == "__main__":
    run(main)
