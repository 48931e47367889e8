"""Score a file of feature rows or a folder of raw tables; add PD, decision, grade and reasons.

Exit code 0 is a finished batch, 1 a refused input or row, 2 misuse. What is refused leaves no
output.
"""

from __future__ import annotations

import os
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from creditrisk.core.settings import DEFAULT_PARAMS_PATH, Settings, load_settings
from creditrisk.pipelines.command import run
from creditrisk.pipelines.long_running import json_log

if TYPE_CHECKING:
    from creditrisk.ledger.decisions import DecisionLedger
    from creditrisk.scoring.batch.request import BatchModel

Input = Annotated[
    str, typer.Option("--input", help="CSV or Parquet, or a folder of raw tables; path or URL.")
]
Output = Annotated[str, typer.Option("--output", help="CSV or Parquet; path or URL.")]
BundleFolder = Annotated[Path | None, typer.Option(help="A model; else the one that is served.")]
Served = Annotated[Path, typer.Option(help="Folder of the served models; its champion scores.")]
Applications = Annotated[str, typer.Option(help="Raw tables: the file of the applicants.")]
Reasons = Annotated[bool, typer.Option("--reasons", help="Say why who is not approved is not.")]
Strict = Annotated[bool, typer.Option("--strict", help="Stop at the first reject.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with an interrupted batch.")]
Rejects = Annotated[str | None, typer.Option(help="Side file; else OUTPUT's name.rejects.csv.")]
Summary = Annotated[str | None, typer.Option(help="Summary; else OUTPUT's name.summary.json.")]
BatchId = Annotated[str | None, typer.Option(help="Begin of every decision id; else a new one.")]
ChunkRows = Annotated[int, typer.Option(min=1, help="Rows in memory at a time; changes no PD.")]
Threads = Annotated[int | None, typer.Option(min=1, help="Threads; default: params.yaml.")]
Record = Annotated[bool, typer.Option("--ledger/--no-ledger", help="Record the decisions.")]
Params = Annotated[Path, typer.Option(help="Settings.")]


def main(
    *,
    source: Input,
    output: Output,
    bundle: BundleFolder = None,
    served: Served = Path("models/served"),
    applications: Applications = "application_test.csv",
    reasons: Reasons = False,
    strict: Strict = False,
    resume: Resume = False,
    rejects: Rejects = None,
    summary: Summary = None,
    batch_id: BatchId = None,
    chunk_rows: ChunkRows = 32_768,
    threads: Threads = None,
    ledger: Record = True,
    params: Params = DEFAULT_PARAMS_PATH,
) -> None:
    """Score a file of feature rows or a folder of raw tables; add PD, decision, grade and reasons."""
    from creditrisk.data.sources.location import Location
    from creditrisk.scoring.batch.job import run_batch
    from creditrisk.scoring.batch.request import BatchRequest, beside

    settings = _on_threads(load_settings(params), threads)
    request = BatchRequest(
        input=Location(source),
        output=Location(output),
        rejects=Location(rejects or beside(output, ".rejects.csv")),
        summary=Location(summary or beside(output, ".summary.json")),
        applications=applications,
        reasons=reasons,
        strict=strict,
        resume=resume,
        batch_id=batch_id,
        chunk_rows=chunk_rows,
    )
    at_terminal = sys.stdout.isatty()
    with (
        nullcontext() if at_terminal else json_log(),
        _opened_ledger(wanted=ledger) as decisions,
    ):
        done = run_batch(request, _model(bundle, served, settings), settings, decisions)
    if at_terminal:
        typer.echo(done.sentence())


def _on_threads(settings: Settings, threads: int | None) -> Settings:
    if threads is None:
        return settings
    resources = settings.resources.model_copy(update={"threads": threads})
    return settings.model_copy(update={"resources": resources})


def _opened_ledger(*, wanted: bool) -> DecisionLedger | nullcontext[None]:
    from creditrisk.ledger.decisions import DecisionLedger
    from creditrisk.ledger.keys import ENVIRONMENT_VARIABLE, PRODUCTION
    from creditrisk.scoring.batch.errors import UnrecordedInProduction

    if wanted:
        return DecisionLedger.open()
    if os.environ.get(ENVIRONMENT_VARIABLE) == PRODUCTION:
        raise UnrecordedInProduction(ENVIRONMENT_VARIABLE)
    return nullcontext()


def _model(bundle: Path | None, folder: Path, settings: Settings) -> BatchModel:
    """The named bundle, else the champion that is served."""
    from creditrisk.mlops.served import bundle_folder, load_served, read_served, unregistered
    from creditrisk.scoring.batch.request import BatchModel
    from creditrisk.scoring.scorer import Scorer

    threads = settings.resources.usable_threads
    if bundle is not None:
        scorer = Scorer.load(bundle, threads)
        return BatchModel(scorer, unregistered(scorer.bundle))
    served = read_served(folder)
    load_served(folder, served)
    return BatchModel(Scorer.load(bundle_folder(folder, served), threads), served)


if __name__ == "__main__":
    run(main)
