"""Fetch the raw tables, check size, checksum, header and types, replace the old ones at once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from creditrisk.core.settings import DEFAULT_PARAMS_PATH, load_settings
from creditrisk.pipelines.command import run

Out = Annotated[Path, typer.Option(help="Folder of the raw CSV files.")]
Truth = Annotated[Path, typer.Option(help="Folder of the true PDs; empty unless generated.")]
Summary = Annotated[Path, typer.Option(help="Report of what was taken in.")]
SourceUri = Annotated[
    str | None, typer.Option(help="Source of all files; replaces those in params.yaml.")
]
Labelled = Annotated[
    Path, typer.Option(help="List of labelled snapshots that are added to the source.")
]
Snapshots = Annotated[Path, typer.Option(help="Folder of the labelled snapshots.")]
Params = Annotated[Path, typer.Option(help="Settings.")]
Threads = Annotated[int | None, typer.Option(min=1, help="Threads; default: params.yaml.")]


def main(
    *,
    out: Out = Path("data/raw"),
    truth: Truth = Path("data/truth"),
    summary: Summary = Path("reports/ingestion_summary.json"),
    source: SourceUri = None,
    labelled: Labelled = Path("snapshots/labelled.json"),
    snapshots: Snapshots = Path("data/labelled"),
    params: Params = DEFAULT_PARAMS_PATH,
    threads: Threads = None,
) -> None:
    """Fetch the raw tables, check them, and only then replace those of the last run.

    Labelled snapshots, made by `creditrisk retrain`, are added to what the source holds.

    A source is `synthetic`, a folder, an archive or URL (s3, gs, az, https, zip and gz too),
    `kaggle://COMPETITION` or `dvc://PATH`.
    """
    from creditrisk.data.ingestion import Folders, ingest
    from creditrisk.data.labelled import listed_snapshots

    settings = load_settings(params)
    sources = settings.ingest
    if source is not None:
        sources = sources.model_copy(update={"source": source, "files": {}})
    resources = settings.resources.model_copy(
        update={"threads": threads or settings.resources.threads}
    )
    added = listed_snapshots(labelled, snapshots)
    ingest(sources, resources, Folders(out, truth, summary), added)


if __name__ == "__main__":
    run(main)
