"""Push or pull what dvc.lock and the list of labelled snapshots name, by the environment's remote.

DVC_REMOTE_URL names the remote, DVC_REMOTE_CREDENTIALS opens it; nothing of either is written down.
Exit 0: all of it is there; 1: refused or failed; 2: the variables name no usable remote.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from creditrisk.pipelines.command import run

Action = Annotated[
    Literal["pull", "push"],
    typer.Argument(help="pull: from the remote into this checkout. push: the other way."),
]
Project = Annotated[Path, typer.Option(help="The checkout.")]
Labelled = Annotated[Path, typer.Option(help="List of labelled snapshots, within the checkout.")]
Snapshots = Annotated[Path, typer.Option(help="Folder of the snapshots, within the checkout.")]
Retries = Annotated[int, typer.Option(min=0, help="Times that the network may fail in a row.")]
Backoff = Annotated[float, typer.Option(min=0, help="Pause after the first failure; it doubles.")]
Force = Annotated[bool, typer.Option("--force", help="pull: overwrite files that no cache holds.")]


def main(
    action: Action,
    *,
    project: Project = Path(),
    labelled: Labelled = Path("snapshots/labelled.json"),
    snapshots: Snapshots = Path("data/labelled"),
    retries: Retries = 3,
    backoff_seconds: Backoff = 1.0,
    force: Force = False,
) -> None:
    """Push or pull the objects of dvc.lock and the labelled snapshots.

    The remote is DVC_REMOTE_URL, opened by DVC_REMOTE_CREDENTIALS or what its client finds itself.
    """
    from creditrisk.data.sources.transfer import RetryPolicy
    from creditrisk.remotes import transfer
    from creditrisk.remotes.address import RemoteAddress
    from creditrisk.remotes.session import Checkout

    address = RemoteAddress.of_environment()
    checkout = Checkout(project, labelled, snapshots)
    policy = RetryPolicy(retries, backoff_seconds)
    if action == "pull":
        moved = transfer.pull(address, checkout, policy, force=force)
        typer.echo(f"Pulled {moved.sentence()} from {address.url}; the rest was here.")
    else:
        moved = transfer.push(address, checkout, policy)
        typer.echo(f"Pushed {moved.sentence()} to {address.url}; the rest was there.")


if __name__ == "__main__":
    run(main)
