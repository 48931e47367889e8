"""Compare scores and inputs of two samples: by default train against test."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from creditrisk.core.settings import DEFAULT_PARAMS_PATH, load_settings
from creditrisk.pipelines.command import run

Reference = Annotated[Path, typer.Option(help="Feature rows that the model was made for, Parquet.")]
Current = Annotated[Path, typer.Option(help="Feature rows to compare with them, Parquet.")]
BundleFolder = Annotated[Path, typer.Option(help="The model.")]
Out = Annotated[Path, typer.Option(help="Report of the comparison.")]
Html = Annotated[Path | None, typer.Option(help="The report as a page, where one is wanted.")]
Params = Annotated[Path, typer.Option(help="Settings.")]


def main(
    *,
    reference: Reference = Path("data/splits/train.parquet"),
    current: Current = Path("data/splits/test.parquet"),
    bundle: BundleFolder = Path("models/credit_risk_pd"),
    out: Out = Path("reports/drift_report.json"),
    html: Html = None,
    params: Params = DEFAULT_PARAMS_PATH,
) -> None:
    """Measure how far scores, every model input and all of them together differ.

    It measures; whether a shift stops anything is decided by the stages that read the report.
    """
    from creditrisk.monitoring.drift import measure_drift
    from creditrisk.monitoring.drift.pages import drift_page, write_page
    from creditrisk.scoring.scorer import Scorer

    settings = load_settings(params)
    # A failure leaves no report of an earlier comparison.
    for path in filter(None, (out, html)):
        path.unlink(missing_ok=True)
    threads = settings.resources.usable_threads
    scorer = Scorer.load(bundle, threads)
    features = scorer.manifest.features
    report = measure_drift(
        reference, current, features, scorer, settings.monitor_drift, threads=threads
    )
    report.write(out)
    if html is not None:
        write_page(drift_page(report, settings.monitoring.production.drawn_columns), html)
    typer.echo(f"{report.current.name} against {report.reference.name}: {report.headline()}")


if __name__ == "__main__":
    run(main)
