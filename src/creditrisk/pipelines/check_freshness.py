"""Compare the age of each data source with its allowed age, and its content with what was ingested.

Exit 1 where an age cannot be measured; with --fail-on-stale also where data are stale or superseded.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from creditrisk.core.settings import DEFAULT_PARAMS_PATH, load_settings
from creditrisk.pipelines.command import run

Summary = Annotated[Path, typer.Option(help="Report of what was ingested.")]
Source = Annotated[
    str | None, typer.Option(help="Source of all files; replaces those in params.yaml.")
]
Raw = Annotated[Path, typer.Option(help="The pipeline's own copies, which have no age.")]
Out = Annotated[Path, typer.Option(help="Report; the one before it is read first.")]
FailOnStale = Annotated[
    bool, typer.Option("--fail-on-stale", help="Exit 1 where data are stale or superseded.")
]
PublishMetrics = Annotated[
    bool, typer.Option("--publish-metrics", help="Send the ages to CloudWatch.")
]
AlertFlag = Annotated[
    bool, typer.Option("--alert", help="Post alarms to CREDITRISK_ALERT_WEBHOOK_URL, each once.")
]
At = Annotated[
    datetime | None,
    typer.Option(formats=["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%d"], help="Moment; else now (UTC)."),
]
Params = Annotated[Path, typer.Option(help="Settings.")]


def main(
    *,
    summary: Summary = Path("reports/ingestion_summary.json"),
    source: Source = None,
    raw: Raw = Path("data/raw"),
    out: Out = Path("reports/data_freshness.json"),
    publish_metrics: PublishMetrics = False,
    alert: AlertFlag = False,
    fail_on_stale: FailOnStale = False,
    at: At = None,
    params: Params = DEFAULT_PARAMS_PATH,
) -> None:
    """Compare each source's age with its allowed age, and its content with what was ingested."""
    from creditrisk.monitoring.alerts import post_alarms
    from creditrisk.monitoring.freshness.figures import freshness_figures
    from creditrisk.monitoring.freshness.measurement import FreshnessRequest, measure_freshness
    from creditrisk.monitoring.report_alarms import freshness_alarms
    from creditrisk.observability.cloudwatch import publish

    settings = load_settings(params)
    ingest = settings.ingest
    if source is not None:
        ingest = ingest.model_copy(update={"source": source, "files": {}})
    now = datetime.now(UTC) if at is None else at
    request = FreshnessRequest(
        summary=summary,
        previous=out,
        copies=raw,
        ingest=ingest,
        rules=settings.monitoring.freshness,
        now=now.replace(tzinfo=UTC) if now.tzinfo is None else now.astimezone(UTC),
    )
    report = measure_freshness(request)
    report.write(out)
    typer.echo(report.sentences())
    if publish_metrics:
        figures = freshness_figures(report, settings.figure_dimensions, datetime.now(UTC))
        typer.echo(publish(figures, settings.monitoring.cloudwatch).sentence())
    if alert:
        alarms = freshness_alarms(report)
        for line in post_alarms(alarms, settings.monitoring.webhook, out.parent):
            typer.echo(line)
    if report.status == "not measured" or (fail_on_stale and report.alarms):
        raise typer.Exit(1)


if __name__ == "__main__":
    run(main)
