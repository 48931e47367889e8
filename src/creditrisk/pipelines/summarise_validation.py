"""Gather the contract verdicts of all stages into one report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from creditrisk.pipelines.command import run

Reports = Annotated[Path, typer.Option(help="Folder of the stages' verdicts.")]
Out = Annotated[Path, typer.Option(help="The merged report.")]


def main(
    *,
    reports: Reports = Path("reports/validation"),
    out: Out = Path("reports/validation_summary.json"),
) -> None:
    """Gather the contract verdicts of all stages into one report."""
    from creditrisk.contracts.verdicts import conclude, summarise

    summary = summarise(reports)
    summary.write(out)
    conclude(summary, out)
    typer.echo(f"contracts {summary.status}: {summary.warnings} warnings. See {out}")


if __name__ == "__main__":
    run(main)
