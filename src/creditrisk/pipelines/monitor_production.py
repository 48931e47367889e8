"""Compare production data with what the model was trained on: a pull, or what was decided lately."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from creditrisk.core.settings import DEFAULT_PARAMS_PATH, load_settings
from creditrisk.pipelines.command import run

Current = Annotated[
    str, typer.Option(help="Feature table, raw applications or a folder of them; path or URL.")
]
Applications = Annotated[
    str | None, typer.Option(help="Folder of raw files: the file of the applicants.")
]
BundleFolder = Annotated[Path, typer.Option(help="The model.")]
Out = Annotated[Path, typer.Option(help="Report of the comparison.")]
Params = Annotated[Path, typer.Option(help="Settings.")]


def main(
    *,
    current: Current,
    applications: Applications = None,
    bundle: BundleFolder = Path("models/credit_risk_pd"),
    out: Out = Path("reports/production_drift_report.json"),
    params: Params = DEFAULT_PARAMS_PATH,
) -> None:
    """Compare production data with what the model was trained on: a pull, or what was decided lately."""
    from creditrisk.monitoring.production.measurement import measure_production
    from creditrisk.monitoring.production.source import open_pull
    from creditrisk.scoring.scorer import Scorer

    settings = load_settings(params)
    # A failure leaves no report of an earlier pull.
    out.unlink(missing_ok=True)
    scorer = Scorer.load(bundle, threads=settings.resources.usable_threads)
    with TemporaryDirectory(prefix="creditrisk-pull-") as work:
        pull = open_pull(
            current, scorer.manifest.features, settings, Path(work), applications=applications
        )
    report = measure_production(pull, scorer, settings)
    report.write(out)
    typer.echo(f"{pull.window.shown}: {report.status}")


if __name__ == "__main__":
    run(main)
