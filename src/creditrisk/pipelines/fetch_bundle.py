"""Fetch a sealed model from a folder, an object store or the registry, every hash checked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from creditrisk.pipelines.command import run

OUT = Path("models/bundle")

Source = Annotated[
    str,
    typer.Option(
        envvar="CREDITRISK_BUNDLE_SOURCE",
        help="A folder, s3://BUCKET/PREFIX, models:/NAME@ALIAS or models:/NAME/VERSION.",
    ),
]
Sha256 = Annotated[
    str | None,
    typer.Option(
        envvar="CREDITRISK_BUNDLE_SHA256",
        help="What the bundle must be; the registry alone may go without.",
    ),
]
Out = Annotated[Path, typer.Option(help="The folder of the bundle.")]


def main(*, source: Source, sha256: Sha256 = None, out: Out = OUT) -> None:
    """Fetch a sealed model; exit 1 where it cannot be had or is not the required one."""
    from creditrisk.mlops.fetching import fetch

    bundle = fetch(source, out, sha256)
    typer.echo(f"{out} holds bundle {bundle.sha256}")


if __name__ == "__main__":
    run(main)
