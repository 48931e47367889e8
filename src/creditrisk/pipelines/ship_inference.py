"""Bring what the API decided from the ledger to MLflow: a run a request, or one for many.

A process of its own, so that MLflow is never on a request's path. Through an outage of MLflow the
ledger keeps what is owed; every entry arrives once.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from creditrisk.core.settings import DEFAULT_PARAMS_PATH, load_settings
from creditrisk.pipelines.command import run
from creditrisk.pipelines.companions import accompanied, companion_command
from creditrisk.pipelines.long_running import json_log, rest, terminable

if TYPE_CHECKING:
    from creditrisk.monitoring.shipping import Shipper

CURSOR = Path("ledger/inference_cursor.json")
_LONGEST_WAIT_SECONDS = 300.0
_MOST_DOUBLINGS = 16

Url = Annotated[str | None, typer.Option(help="Database; else CREDITRISK_LEDGER_URL.")]
AnchorFile = Annotated[
    Path | None, typer.Option(help="Anchor; else beside CREDITRISK_LEDGER_ANCHOR.")
]
CursorFile = Annotated[Path, typer.Option(help="Up to where everything was delivered.")]
RunsPerSecond = Annotated[
    float, typer.Option(min=0, help="More requests a second than this share a run a window.")
]
WindowSeconds = Annotated[float, typer.Option(min=0.1, help="Length of a window.")]
Once = Annotated[bool, typer.Option("--once", help="Deliver everything that is there, and end.")]
Parent = Annotated[int | None, typer.Option(help="Stop when this parent process is gone.")]
Params = Annotated[Path, typer.Option(help="Settings.")]


def main(
    *,
    url: Url = None,
    anchor: AnchorFile = None,
    cursor: CursorFile = CURSOR,
    runs_per_second: RunsPerSecond = 2.0,
    window_seconds: WindowSeconds = 10.0,
    once: Once = False,
    parent: Parent = None,
    params: Params = DEFAULT_PARAMS_PATH,
) -> None:
    """Bring what the API decided from the ledger to MLflow, until SIGTERM."""
    from creditrisk.ledger import DecisionLedger
    from creditrisk.monitoring.shipping import Rhythm, Shipper, alone

    experiment = load_settings(params).tracking.inference_experiment
    rhythm = Rhythm(runs_per_second, window_seconds)
    with json_log(), alone(cursor), DecisionLedger.open(url, anchor=anchor, create=False) as ledger:
        shipper = Shipper(ledger, experiment, cursor, rhythm)
        if once:
            _tell(shipper.ship(time.time(), everything=True))
            return
        with terminable():
            _ship_on(shipper, window_seconds, parent)


@contextmanager
def inference_shipped(params: Path = DEFAULT_PARAMS_PATH) -> Iterator[None]:
    """Have a process of its own ship while the block runs; it is started again where it dies.

    The ledger is made first where there is none: whoever only reads one makes none.
    """
    from creditrisk.ledger import DecisionLedger

    DecisionLedger.open().close()
    command = companion_command("ship_inference", {"--params": params})
    with accompanied("inference-shipper", command):
        yield


def _ship_on(shipper: Shipper, window_seconds: float, parent: int | None) -> None:
    """Deliver what is due, again and again; rarer while it fails."""
    from creditrisk.core.errors import CreditRiskError

    failures = 0
    while True:
        try:
            _tell(shipper.ship(time.time()))
            failures = 0
        except CreditRiskError as error:
            failures += 1
            fields = {"reason": str(error), "failures": failures}
            _logger().warning("not delivered", extra={"fields": fields})
        seconds = window_seconds * 2.0 ** min(failures, _MOST_DOUBLINGS)
        rest(min(seconds, max(window_seconds, _LONGEST_WAIT_SECONDS)), parent)


def _tell(written: int) -> None:
    if written:
        _logger().info("delivered", extra={"fields": {"runs": written}})


def _logger() -> logging.Logger:
    return logging.getLogger("creditrisk.ship_inference")


if __name__ == "__main__":
    run(main)
