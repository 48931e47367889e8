"""Run the night: pull, forced run, production, outcomes, freshness, figures, retraining; one report.

Steps that need no failed one still run. Exit 0 only where every step that is configured succeeded;
1 otherwise, also when told to end (SIGTERM), with the report written.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from creditrisk.pipelines.command import run

Current = Annotated[
    str | None,
    typer.Option(help="Production data to measure, as of monitor-production; else the ledger."),
]
Last = Annotated[str, typer.Option(help="So much of the ledger is measured: 24h, 30d, 4w.")]
Api = Annotated[str | None, typer.Option(help="The API's metrics, for CloudWatch.")]
NoHtml = Annotated[bool, typer.Option("--no-html", help="Draw no page of production drift.")]
Summary = Annotated[
    Path | None, typer.Option(help="Markdown file that the night's table is appended to.")
]
Reports = Annotated[Path, typer.Option(help="Folder of the reports that steps write.")]
Out = Annotated[Path, typer.Option(help="Report of the night; its lock lies beside it.")]


def main(
    *,
    current: Current = None,
    last: Last = "30d",
    api: Api = None,
    no_html: NoHtml = False,
    summary: Summary = None,
    reports: Reports = Path("reports"),
    out: Out = Path("reports/nightly.json"),
) -> None:
    """Run all that runs unattended, step by step, and report each."""
    from creditrisk.monitoring.nightly.night import NightFiles, run_night
    from creditrisk.monitoring.nightly.plan import NightOptions, plan

    steps = plan(NightOptions(current=current, last=last, api=api, draw=not no_html))
    report = run_night(steps, NightFiles(out=out, summary=summary, reports=reports))
    typer.echo(report.sentence())
    if report.status != "succeeded":
        raise typer.Exit(1)


if __name__ == "__main__":
    run(main)
