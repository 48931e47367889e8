"""Check a trained model against every bar; exit 1 unless every required check passes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from creditrisk.core.settings import DEFAULT_PARAMS_PATH, load_settings
from creditrisk.pipelines.command import run

BundleFolder = Annotated[Path, typer.Option(help="The model.")]
Features = Annotated[Path, typer.Option(help="Feature table.")]
Metadata = Annotated[Path, typer.Option(help="Columns and hashes of the feature table.")]
Splits = Annotated[Path, typer.Option(help="Folder of the split files.")]
Summary = Annotated[Path, typer.Option(help="Report of what was taken in.")]
Contracts = Annotated[Path, typer.Option(help="Verdicts of the data contracts.")]
TrainMetrics = Annotated[Path, typer.Option(help="Metrics on the train side.")]
TestMetrics = Annotated[Path, typer.Option(help="Metrics on the test side.")]
Lineage = Annotated[Path, typer.Option(help="Chain of checksums.")]
Drift = Annotated[Path, typer.Option(help="Drift of the test side against the train side.")]
Out = Annotated[Path, typer.Option(help="Report of the checks.")]
Params = Annotated[Path, typer.Option(help="Settings.")]


def main(
    *,
    bundle: BundleFolder = Path("models/credit_risk_pd"),
    features: Features = Path("data/processed/feature_store.parquet"),
    metadata: Metadata = Path("data/processed/feature_metadata.json"),
    splits: Splits = Path("data/splits"),
    ingestion_summary: Summary = Path("reports/ingestion_summary.json"),
    contracts: Contracts = Path("reports/validation_summary.json"),
    train_metrics: TrainMetrics = Path("reports/metrics.json"),
    test_metrics: TestMetrics = Path("reports/test_metrics.json"),
    lineage: Lineage = Path("reports/data_lineage.json"),
    drift: Drift = Path("reports/drift_report.json"),
    out: Out = Path("reports/post_training_validation.json"),
    params: Params = DEFAULT_PARAMS_PATH,
) -> None:
    """Check a trained model against every bar; exit 1 unless every required check passes."""
    from creditrisk.monitoring.drift import DriftReport
    from creditrisk.testing.post_training import ValidationSettings, validate
    from creditrisk.testing.validation.evidence import Evidence, EvidencePaths

    settings = load_settings(params)
    # A failure leaves no report of an earlier, passed validation.
    out.unlink(missing_ok=True)
    paths = EvidencePaths(
        bundle=bundle,
        feature_store=features,
        feature_metadata=metadata,
        splits=splits,
        ingestion_summary=ingestion_summary,
        contracts=contracts,
        train_metrics=train_metrics,
        test_metrics=test_metrics,
        lineage=lineage,
        drift=drift,
    )
    threads = settings.resources.usable_threads
    validation = validate(
        Evidence(paths, DriftReport.read, threads),
        ValidationSettings(
            policy=settings.policy,
            evaluate=settings.evaluate,
            validate_model=settings.validate_model,
            experiment=settings.tracking.experiment,
        ),
    )
    validation.write(out)
    validation.require_passed(out)
    typer.echo(f"{out}: {validation.headline()}")


if __name__ == "__main__":
    run(main)
