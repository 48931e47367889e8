"""The API: an application around one model, one ledger and one gate."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import FastAPI
from starlette.exceptions import HTTPException

from creditrisk.core.settings import Settings
from creditrisk.mlops.served import ServedModel, unregistered
from creditrisk.serve import audit
from creditrisk.serve.documents import add_documents
from creditrisk.serve.middleware import Exchanges
from creditrisk.serve.model import ServingModel
from creditrisk.serve.openapi import openapi_document
from creditrisk.serve.problems import StatusProblem
from creditrisk.serve.routes import router
from creditrisk.serve.security import Gate
from creditrisk.serve.security.headers import SecureHeaders
from creditrisk.serve.service import Service
from creditrisk.serve.shortcut import Shortcut

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from creditrisk.ledger.decisions import DecisionLedger
    from creditrisk.scoring.scorer import Scorer

_DETAILS = {
    404: "The API has no such path; GET /openapi.json lists those it has.",
    405: "The path does not take this method; Allow names those it takes.",
}


def create_app(
    settings: Settings,
    scorer: Scorer,
    ledger: DecisionLedger,
    *,
    served: ServedModel | None = None,
    gate: Gate | None = None,
    folder: Path | None = None,
    archive: Path | None = None,
) -> FastAPI:
    """The application of one worker. It closes the ledger when it ends.

    Args:
        settings: bounds, policy, what is stored.
        scorer: the verified model that answers first.
        ledger: takes every decision before its answer leaves.
        served: what registry and pointer say of the model; null where none vouches for it.
        gate: who may call; by default what the environment says.
        folder: where the pointers of moving models are followed; null keeps this model.
        archive: where bundles of old decisions lie, for replays.

    Raises:
        NobodyMayCall: no keys, no issuer, and the address is no loopback.
        BundleRefused: the bundle was sealed without a contract of requests.
    """
    service = Service(
        settings,
        ServingModel.of(scorer, served or unregistered(scorer.bundle), settings),
        ledger,
        gate or Gate.from_environment(settings.serve),
        folder=folder,
        archive=archive,
    )
    app = FastAPI(
        title="creditrisk",
        summary="Probability of default, decision and reasons for loan applications.",
        version=version("creditrisk"),
        lifespan=_running,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        exception_handlers={HTTPException: _as_problem},
    )
    app.state.service = service
    app.include_router(router)
    app.include_router(audit.router)
    add_documents(app, settings.serve)
    app.openapi = lambda: openapi_document(app, service)  # type: ignore[method-assign]
    app.add_middleware(Shortcut, router=router)
    app.add_middleware(Exchanges, metrics=service.metrics)
    app.add_middleware(SecureHeaders)
    return app


@asynccontextmanager
async def _running(app: FastAPI) -> AsyncIterator[None]:
    async with app.state.service.running():
        yield


async def _as_problem(_request: Request, error: HTTPException) -> Response:
    """What the framework refuses, such as an unknown path, is a problem as any other."""
    detail = _DETAILS.get(error.status_code, str(error.detail))
    raise StatusProblem(error.status_code, detail, error.headers) from None
