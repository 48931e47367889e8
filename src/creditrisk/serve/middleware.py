"""What happens to every request: correlation id, problem details, one log line, metrics."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from creditrisk.observability.logs import REQUEST_ID, log_event
from creditrisk.serve.problems import MEDIA_TYPE, Problem, UnexpectedProblem

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from creditrisk.observability.metrics import ServiceMetrics

REQUEST_ID_HEADER = "X-Request-ID"
REPLACED_HEADER = "X-Request-ID-Replaced"
UNMATCHED = "unmatched"
LINGER_SECONDS = 1.0
CLIENT_GONE = 499  # nginx's status for a client that did not wait; it is logged and never sent
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_METHODS = frozenset({"GET", "POST", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"})
_EXCHANGE = "creditrisk.exchange"
_LOG = logging.getLogger("creditrisk.serve.requests")


class ClientGone(Exception):
    """The client closed the connection before it had sent all of its request."""


@dataclass(slots=True)
class Exchange:
    """One request and what is known of it by the time its line is logged."""

    method: str
    request_id: str
    replaced: bool = False
    received_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    started: float = field(default_factory=time.perf_counter)
    status: int = 0
    caller: str | None = None
    records: int | None = None
    model_version: str | None = None
    bundle_sha256: str | None = None

    @classmethod
    def begun(cls, scope: Scope) -> Exchange:
        """The exchange of a request that has just come in, with its own id or a new one."""
        offered = [value for name, value in scope["headers"] if name == b"x-request-id"]
        method = scope["method"] if scope["method"] in _METHODS else "OTHER"
        if len(offered) == 1 and _REQUEST_ID.fullmatch(text := offered[0].decode("latin-1")):
            return cls(method, text)
        return cls(method, uuid4().hex, replaced=bool(offered))

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """The headers that tell the caller the correlation id, and whether his was not taken."""
        headers = [(REQUEST_ID_HEADER.lower().encode(), self.request_id.encode())]
        if self.replaced:
            headers.append((REPLACED_HEADER.lower().encode(), b"true"))
        return headers


def exchange_of(scope: Scope) -> Exchange:
    """The exchange that a request's scope belongs to."""
    exchange: Exchange = scope[_EXCHANGE]
    return exchange


class Exchanges:
    """The outermost application: nothing leaves the API but through it."""

    def __init__(self, app: ASGIApp, metrics: ServiceMetrics) -> None:
        self._app = app
        self._requests = cache(metrics.requests.labels)
        self._durations = cache(metrics.durations.labels)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; whatever goes wrong becomes a problem."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = scope[_EXCHANGE] = Exchange.begun(scope)
        REQUEST_ID.set(exchange.request_id)

        async def send_marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                exchange.status = message["status"]
                message["headers"] = [*message.get("headers", ()), *exchange.headers]
            await send(message)

        try:
            await self._answered(exchange, scope, receive, send_marked)
        finally:
            seconds = time.perf_counter() - exchange.started
            # The loop writes to the socket once it has nothing else to call; so this comes after.
            asyncio.get_running_loop().call_soon(self._observe, exchange, scope, seconds)

    async def _answered(
        self, exchange: Exchange, scope: Scope, receive: Receive, send: Send
    ) -> None:
        try:
            await self._app(scope, receive, send)
        except ClientGone:
            exchange.status = CLIENT_GONE
        except Problem as problem:
            await _send_problem(problem, exchange, receive, send)
        except Exception:
            _LOG.exception("unexpected error")
            if exchange.status:  # too late to say anything else
                raise
            await _send_problem(UnexpectedProblem(), exchange, receive, send)

    def _observe(self, exchange: Exchange, scope: Scope, seconds: float) -> None:
        path = getattr(scope.get("route"), "path", UNMATCHED)
        self._requests(exchange.method, path, exchange.status).inc()
        self._durations(path).observe(seconds)
        log_event(_LOG, "request", _line(exchange, path, seconds))


async def _send_problem(problem: Problem, exchange: Exchange, receive: Receive, send: Send) -> None:
    body = problem.body(exchange.request_id)
    headers = [
        (b"content-type", MEDIA_TYPE.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        *((name.lower().encode(), value.encode()) for name, value in problem.headers.items()),
    ]
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
    if problem.headers.get("Connection") == "close":
        # A close while the client still sends would reset the connection before it has read this.
        await send({"type": "http.response.body", "body": body, "more_body": True})
        await _discard(receive)
        body = b""
    await send({"type": "http.response.body", "body": body})


async def _discard(receive: Receive) -> None:
    """Read on for a moment and forget what comes."""
    with suppress(TimeoutError):
        async with asyncio.timeout(LINGER_SECONDS):
            while (await receive()).get("more_body", False):
                pass


def _line(exchange: Exchange, path: str, seconds: float) -> dict[str, Any]:
    """What the log says of a request: ids, counts and times, nothing that it contained."""
    line = {
        "method": exchange.method,
        "path": path,
        "status": exchange.status,
        "duration_ms": round(seconds * 1000, 3),
        "records": exchange.records,
        "caller": exchange.caller,
        "model_version": exchange.model_version,
        "bundle_sha256": exchange.bundle_sha256,
    }
    return {name: value for name, value in line.items() if value is not None}
