"""The API as a process: uvicorn around the application, one or several workers, a graceful end."""

from __future__ import annotations

import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from creditrisk.core.settings import Settings
from creditrisk.mlops.served import SERVED_FOLDER, ServedModel, read_served, unregistered
from creditrisk.models.native import wait_passively
from creditrisk.observability.logs import log_as_json
from creditrisk.observability.metrics import share_between_workers

if TYPE_CHECKING:
    from fastapi import FastAPI
    from uvicorn import Config

    from creditrisk.serve.model import ServingModel

# The interpreter's default of 5 ms is what a request would wait for a scoring thread, twice.
SWITCH_SECONDS = 0.0005
FINISH_SECONDS = 75
KEEP_ALIVE_SECONDS = 65  # longer than load balancers keep an idle connection
BACKLOG = 1_024


@dataclass(frozen=True)
class Launch:
    """What one start of the API was asked for; each worker gets a copy.

    `bundle` serves that folder, which no registry vouches for; else `served` is the folder of
    published models, whose pointer is followed unless `pinned`.
    """

    settings: Settings
    bundle: Path | None = None
    served: Path = SERVED_FOLDER
    pinned: bool = False
    certificate: Path | None = None
    key: Path | None = None

    def model(self) -> ServingModel:
        """Load the model that is to answer first.

        Raises:
            NothingServed, MissingFile, BundleRefused: there is none, or none to be vouched for.
        """
        from creditrisk.serve.model import ServingModel

        if self.bundle is None:
            return ServingModel.load(self.served, read_served(self.served), self.settings)
        return ServingModel.load(self.bundle, _described(self.bundle), self.settings)

    @property
    def followed(self) -> Path | None:
        """The folder whose pointers are watched, if any."""
        return None if self.pinned or self.bundle is not None else self.served


def run_server(launch: Launch) -> None:
    """Serve until told to stop, then finish what was accepted.

    Raises:
        CreditRiskError: model, ledger or keys are not fit to serve with; said before listening.
    """
    wait_passively()
    lines = log_as_json()
    try:
        _check(launch)
        _serve(launch)
    finally:
        lines.close()


def application(launch: Launch) -> FastAPI:
    """The application of one worker, ready to answer."""
    from creditrisk.ledger.decisions import DecisionLedger
    from creditrisk.serve.api import create_app
    from creditrisk.serve.memory import collect_by_hand
    from creditrisk.serve.security import Gate

    sys.setswitchinterval(SWITCH_SECONDS)
    model = launch.model()
    app = create_app(
        launch.settings,
        model.scorer,
        DecisionLedger.open(),
        served=model.served,
        gate=Gate.from_environment(launch.settings.serve),
        folder=launch.followed,
        archive=launch.served,
    )
    collect_by_hand()
    return app


def _worker(launch: Launch) -> FastAPI:
    """The same in a process that uvicorn's supervisor has started."""
    wait_passively()
    log_as_json()
    return application(launch)


def _check(launch: Launch) -> None:
    """Refuse before any socket is open what would refuse in every worker."""
    from creditrisk.ledger.decisions import DecisionLedger
    from creditrisk.serve.security import Gate

    Gate.from_environment(launch.settings.serve)
    DecisionLedger.open().close()
    if launch.settings.serve.workers > 1:
        launch.model()


def _serve(launch: Launch) -> None:
    from uvicorn import Server
    from uvicorn.supervisors.multiprocess import Multiprocess

    several = launch.settings.serve.workers > 1
    config = _config(launch, several=several)
    socket = config.bind_socket()
    try:
        if several:
            with _shared_metrics():
                Multiprocess(config, [socket]).run()
        else:
            # uvicorn raises the signal again once it has stopped; then this is what happens.
            signal.signal(signal.SIGTERM, lambda *_: None)
            Server(config).run([socket])
    finally:
        socket.close()


def _config(launch: Launch, *, several: bool) -> Config:
    from uvicorn import Config

    from creditrisk.serve.security.protocol import BoundedHttpProtocol

    serve = launch.settings.serve
    return Config(
        partial(_worker if several else application, launch),
        factory=True,
        host=serve.host,
        port=serve.port,
        workers=serve.workers,
        http=BoundedHttpProtocol,
        loop="uvloop" if sys.platform != "win32" else "asyncio",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=FINISH_SECONDS,
        ssl_certfile=launch.certificate,
        ssl_keyfile=launch.key,
    )


@contextmanager
def _shared_metrics() -> Iterator[None]:
    folder = Path(tempfile.mkdtemp(prefix="creditrisk-metrics-"))
    share_between_workers(folder)
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _described(bundle: Path) -> ServedModel:
    from creditrisk.mlops.bundle import Bundle

    return unregistered(Bundle.load(bundle))
