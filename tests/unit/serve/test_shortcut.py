"""The busy paths go past the framework, and everything else through it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from fastapi import APIRouter, FastAPI
from starlette.requests import Request  # noqa: TC002 - FastAPI reads the annotations
from starlette.responses import PlainTextResponse, Response
from starlette.testclient import TestClient

from creditrisk.serve.shortcut import SCORING, Shortcut

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

router = APIRouter()


@router.post("/predict", tags=[SCORING])
async def predict(request: Request) -> Response:
    """What is to be called without a search."""
    return PlainTextResponse(f"{request.scope['route'].path} {(await request.body()).decode()}")


@router.get("/health", tags=["operation"])
async def health() -> Response:
    """What is searched for."""
    return PlainTextResponse("alive")


class Counted:
    """Counts what the framework gets to see."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.seen: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Note the path and go on."""
        self.seen.append(scope.get("path", scope["type"]))
        await self._app(scope, receive, send)


def asked(method: str, path: str, body: bytes = b"") -> tuple[int, str, list[str]]:
    """Status, text, and what came to the framework."""
    app = FastAPI(redirect_slashes=False)
    app.include_router(router)
    framework = Counted(app)
    answer = TestClient(Shortcut(framework, router)).request(method, path, content=body)
    return answer.status_code, answer.text, framework.seen


def test_a_busy_path_is_called_at_once_and_knows_its_route() -> None:
    """The metrics name the route, whichever way the request took."""
    assert asked("POST", "/predict", b"applicant") == (200, "/predict applicant", [])


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/predict", 405), ("GET", "/health", 200), ("POST", "/predict/", 404)],
)
def test_everything_else_takes_the_framework_s_way(method: str, path: str, status: int) -> None:
    """Another method or path is answered, or refused, as if there were no shortcut."""
    seen, _, framework = asked(method, path)
    assert (seen, framework) == (status, [path])
