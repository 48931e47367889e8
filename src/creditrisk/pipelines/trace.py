"""Follow a decision back to model version, run, commit, settings and data; exit 1 if a link fails.

It prints what was recorded, what holds of it today, and what could not be checked.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from creditrisk.core.settings import DEFAULT_PARAMS_PATH, load_settings
from creditrisk.pipelines.command import run

DecisionId = Annotated[str, typer.Argument(help="Id of a decision, or of a row of a batch.")]
Json = Annotated[bool, typer.Option("--json", help="The same as JSON.")]
Served = Annotated[Path, typer.Option(help="Folder of the served models; it is the archive.")]
Raw = Annotated[Path, typer.Option(help="Raw files, searched for rows of the applicant.")]
RawRows = Annotated[bool, typer.Option("--raw-rows/--no-raw-rows", help="Search them.")]
CheckFiles = Annotated[bool, typer.Option("--check-files", help="Hash the raw files, too.")]
Url = Annotated[str | None, typer.Option(help="Database; else CREDITRISK_LEDGER_URL.")]
AnchorFile = Annotated[
    Path | None, typer.Option(help="Anchor; else beside CREDITRISK_LEDGER_ANCHOR.")
]
Params = Annotated[Path, typer.Option(help="Settings.")]


def main(
    decision_id: DecisionId,
    *,
    as_json: Json = False,
    served: Served = Path("models/served"),
    raw: Raw = Path("data/raw"),
    raw_rows: RawRows = True,
    check_files: CheckFiles = False,
    url: Url = None,
    anchor: AnchorFile = None,
    params: Params = DEFAULT_PARAMS_PATH,
) -> None:
    """Follow a decision back to model version, run, commit, settings and data."""
    from creditrisk.ledger import DecisionLedger
    from creditrisk.reporting.decision_trace import TraceSources, trace_decision
    from creditrisk.reporting.trace_text import trace_text

    sources = TraceSources(
        served=served,
        raw=raw,
        resources=load_settings(params).resources,
        count_raw_rows=raw_rows,
        check_raw_files=check_files,
    )
    with DecisionLedger.open(url, anchor=anchor, create=False) as ledger:
        trace = trace_decision(ledger, decision_id, sources)
    typer.echo(trace.model_dump_json(indent=2) if as_json else trace_text(trace))
    if trace.is_refuted:
        raise typer.Exit(1)


if __name__ == "__main__":
    run(main)
