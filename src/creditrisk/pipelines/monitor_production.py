"""Compare production data with what the model was trained on: a pull, or what was decided lately."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from creditrisk.core.settings import (
    DEFAULT_PARAMS_PATH,
    Settings,
    load_settings,
)
from creditrisk.pipelines.command import run

if TYPE_CHECKING:
    from creditrisk.monitoring.production.pull import Pull
    from creditrisk.monitoring.production.report import DriftMetrics, ProductionDriftReport
    from creditrisk.scoring.scorer import Scorer

Current = Annotated[
    str | None,
    typer.Option(help="Feature table, raw applications or a folder of them; path or URL."),
]
Applications = Annotated[
    str | None, typer.Option(help="Folder of raw files: the file of the applicants.")
]
Ledger = Annotated[bool, typer.Option("--ledger", help="Measure what the ledger recorded.")]
Last = Annotated[str | None, typer.Option(help="So long until now: 24h, 30d, 4w.")]
Since = Annotated[str | None, typer.Option(help="From this moment on, ISO 8601; UTC without zone.")]
Until = Annotated[str | None, typer.Option(help="Before this moment; else now.")]
BundleFolder = Annotated[
    Path | None, typer.Option(help="A model; else the one that is served, else the pipeline's.")
]
Served = Annotated[Path, typer.Option(help="Folder of the served models.")]
Out = Annotated[Path, typer.Option(help="Report of the comparison.")]
Metrics = Annotated[Path, typer.Option(help="Its figures, flat.")]
Html = Annotated[Path, typer.Option(help="The report as a page.")]
NoHtml = Annotated[bool, typer.Option("--no-html", help="Draw no page, which takes ten seconds.")]
Reference = Annotated[
    Path | None, typer.Option(help="The model's training side, for the domain classifier.")
]
History = Annotated[Path, typer.Option(help="Windows measured so far, for retraining.")]
PublishMetrics = Annotated[
    bool, typer.Option("--publish-metrics", help="Send the figures to CloudWatch.")
]
AlertFlag = Annotated[
    bool, typer.Option("--alert", help="Post alarms to CREDITRISK_ALERT_WEBHOOK_URL, each once.")
]
FailOnDrift = Annotated[
    bool, typer.Option("--fail-on-drift", help="Exit 1 unless everything is measured and stable.")
]
Params = Annotated[Path, typer.Option(help="Settings.")]


def main(
    *,
    current: Current = None,
    applications: Applications = None,
    ledger: Ledger = False,
    last: Last = None,
    since: Since = None,
    until: Until = None,
    reference: Reference = None,
    bundle: BundleFolder = None,
    served: Served = Path("models/served"),
    out: Out = Path("reports/production_drift_report.json"),
    metrics: Metrics = Path("reports/drift_metrics.json"),
    html: Html = Path("reports/production_drift_report.html"),
    no_html: NoHtml = False,
    history: History = Path("reports/drift_history.json"),
    publish_metrics: PublishMetrics = False,
    alert: AlertFlag = False,
    fail_on_drift: FailOnDrift = False,
    params: Params = DEFAULT_PARAMS_PATH,
) -> None:
    """Compare production data with what the model was trained on: a pull, or what was decided lately.

    With --current, --since and --until say when the pull's applications came, where that is known.
    """
    from creditrisk.monitoring.alerts import post_alarms
    from creditrisk.monitoring.production.errors import OneSourceNeeded
    from creditrisk.monitoring.production.measurement import measure_production, training_rows
    from creditrisk.monitoring.production.report import DriftMetrics
    from creditrisk.monitoring.report_alarms import production_alarms
    from creditrisk.scoring.scorer import Scorer

    # A failure leaves no report of an earlier pull.
    for path in (out, metrics, html):
        path.unlink(missing_ok=True)
    settings = load_settings(params)
    if (current is None) == (not ledger):
        raise OneSourceNeeded
    folder = bundle or _monitored(served)
    scorer = Scorer.load(folder, threads=settings.resources.usable_threads)
    if current is None:
        pull = _recorded(scorer, since, until, last)
    else:
        pull = _pulled(current, applications, (since, until), scorer, settings)
    training = None if reference is None else training_rows(reference, scorer)
    report = measure_production(pull, scorer, settings, training)
    figures = DriftMetrics.of(report)
    report.write(out)
    figures.write(metrics)
    if not no_html:
        _draw(report, html, settings)
    _remember(figures, history)
    typer.echo(f"{pull.window.shown}: {report.headline()}")
    if publish_metrics:
        typer.echo(_publish(figures, settings))
    if alert:
        for line in post_alarms(production_alarms(report), settings.monitoring.webhook, out.parent):
            typer.echo(line)
    if fail_on_drift and report.status != "stable":
        raise typer.Exit(1)


def _monitored(served: Path) -> Path:
    """The bundle of the champion that is served, else the pipeline's latest."""
    from creditrisk.mlops.served import bundle_folder, load_served, pointer_path, read_served

    if not pointer_path(served, "champion").exists():
        return Path("models/credit_risk_pd")
    champion = read_served(served)
    load_served(served, champion)
    return bundle_folder(served, champion)


def _pulled(
    current: str,
    applications: str | None,
    times: tuple[str | None, str | None],
    scorer: Scorer,
    settings: Settings,
) -> Pull:
    from creditrisk.monitoring.production.ledger_window import known_moments
    from creditrisk.monitoring.production.source import open_pull

    with TemporaryDirectory(prefix="creditrisk-pull-") as work:
        return open_pull(
            current,
            scorer.manifest.features,
            settings,
            Path(work),
            applications=applications,
            moments=known_moments(*times),
        )


def _recorded(scorer: Scorer, since: str | None, until: str | None, last: str | None) -> Pull:
    from creditrisk.ledger.decisions import DecisionLedger
    from creditrisk.monitoring.production.ledger_window import Stretch, ledger_pull

    stretch = Stretch.of(since, until, last, datetime.now(UTC))
    with DecisionLedger.open(create=False) as ledger:
        return ledger_pull(ledger, stretch, scorer.bundle_sha256, scorer.manifest.features)


def _draw(report: ProductionDriftReport, html: Path, settings: Settings) -> None:
    from creditrisk.monitoring.drift.pages import write_page
    from creditrisk.monitoring.production.page import production_page

    write_page(production_page(report, settings.monitoring.production.drawn_columns), html)


def _remember(figures: DriftMetrics, history: Path) -> None:
    from creditrisk.monitoring.retraining.history import DriftWindow, record_window

    named = DriftWindow.model_fields.keys() - {"measured_at"}
    window = DriftWindow(measured_at=datetime.now(UTC), **figures.model_dump(include=named))
    record_window(window, history)


def _publish(figures: DriftMetrics, settings: Settings) -> str:
    """What became of the figures; where nothing is configured that is said and no error."""
    from creditrisk.monitoring.production.figures import drift_figures
    from creditrisk.observability.cloudwatch import publish

    metrics = drift_figures(figures, settings.figure_dimensions, datetime.now(UTC))
    return publish(metrics, settings.monitoring.cloudwatch).sentence()


if __name__ == "__main__":
    run(main)
