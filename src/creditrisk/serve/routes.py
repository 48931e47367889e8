"""What the API answers on each path; every error leaves as a problem, see `middleware`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from fastapi import APIRouter
from starlette.requests import Request  # noqa: TC002 - FastAPI reads the annotations
from starlette.responses import Response

from creditrisk.observability.metrics import CONTENT_TYPE
from creditrisk.serve import descriptions, replies
from creditrisk.serve.dispatch import Order
from creditrisk.serve.middleware import exchange_of
from creditrisk.serve.problems import NotReady
from creditrisk.serve.schemas import Health, Metadata, Prediction, Readiness, Validation, problems
from creditrisk.serve.security import Caller, Scope
from creditrisk.serve.shortcut import SCORING

if TYPE_CHECKING:
    from creditrisk.serve.service import Service

JSON = "application/json"
router = APIRouter()


def service_of(request: Request) -> Service:
    """The worker that a request has come to."""
    service: Service = request.app.state.service
    return service


async def admitted(request: Request, needed: Scope | None) -> Caller:
    """Who calls, once the gate has let him in.

    Raises:
        Problem: it does not.
    """
    caller = await service_of(request).gate.admit(request.scope, needed)
    exchange_of(request.scope).caller = caller.name
    return caller


def json_response(content: bytes) -> Response:
    """An answer that is JSON already."""
    return Response(content, media_type=JSON)


@router.get("/health", responses={200: {"model": Health}}, tags=["operation"])
async def health() -> Response:
    """Whether the process is alive."""
    return json_response(b'{"status":"alive"}')


@router.get("/ready", responses={200: {"model": Readiness}, **problems(503)}, tags=["operation"])
async def ready(request: Request) -> Response:
    """Whether requests can be answered; 503 names what is missing."""
    service = service_of(request)
    if missing := await service.missing():
        raise NotReady(missing)
    model = service.models.champion
    return json_response(replies.as_json(descriptions.readiness(model)))


@router.get(
    "/metadata",
    responses={200: {"model": Metadata}, **problems(401, 403, 429, 503)},
    tags=["model"],
)
async def metadata(request: Request) -> Response:
    """Which model answers, by which policy, and what became of the last reload."""
    await admitted(request, None)
    return json_response(replies.as_json(descriptions.metadata(service_of(request))))


@router.get(
    "/schema",
    responses={200: {"description": "Both schemas by form"}, **problems(401, 403, 429, 503)},
    tags=["model"],
)
async def schema(request: Request) -> Response:
    """JSON Schema of both forms of a request, derived from the contracts sealed with the model."""
    await admitted(request, None)
    checks = service_of(request).models.champion.checks
    return json_response(await asyncio.to_thread(lambda: replies.as_json(checks.json_schemas())))


@router.get(
    "/metrics",
    responses={200: {"content": {"text/plain": {}}}, **problems(401, 403, 429, 503)},
    tags=["operation"],
)
async def metrics(request: Request) -> Response:
    """Counters of all workers in Prometheus' text form."""
    await admitted(request, Scope.ADMIN)
    text = await asyncio.to_thread(service_of(request).metrics.text)
    return Response(text, headers={"content-type": CONTENT_TYPE})


@router.post(
    "/validate",
    responses={
        200: {"model": Validation},
        **problems(401, 403, 408, 413, 415, 429, 503),
    },
    tags=[SCORING],
)
async def validate(request: Request) -> Response:
    """Every violation in a request, without scoring it; nothing is recorded."""
    return await _dispatched(request, only_validate=True)


@router.post(
    "/predict",
    responses={
        200: {"model": Prediction},
        **problems(400, 401, 403, 408, 413, 415, 422, 429, 503),
    },
    tags=[SCORING],
)
async def predict(request: Request) -> Response:
    """PD, decision, grade and reasons of each applicant; durable in the ledger before you read it."""
    return await _dispatched(request, only_validate=False)


async def _dispatched(request: Request, *, only_validate: bool) -> Response:
    caller = await admitted(request, Scope.PREDICT)
    service = service_of(request)
    exchange = exchange_of(request.scope)
    order = Order(
        exchange.request_id,
        caller.name,
        exchange.received_at,
        scopes=tuple(caller.scopes),
        may_override=caller.may(Scope.OVERRIDE),
        only_validate=only_validate,
    )
    async with service.bodies.body(request.headers, request.receive) as body:
        answered = await service.dispatcher.answer(order, body)
    exchange.records = answered.records
    exchange.model_version = answered.model_version
    exchange.bundle_sha256 = answered.bundle_sha256
    return json_response(answered.body)
