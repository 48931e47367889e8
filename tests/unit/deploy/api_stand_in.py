"""An API that knows a manifest's answers by heart, and can be told to give wrong ones."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from ecs_fake import serving

from creditrisk.mlops.deployment import DeployManifest


@dataclass
class StandIn:
    """Answers as the bundle that `bundle` names at the moment; `fault` changes the answer of `of`."""

    manifest: DeployManifest
    bundle: Callable[[], str | None]
    fault: str | None = None
    of: str | None = None
    asked: list[str] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    url: str = ""
    released: threading.Event = field(default_factory=threading.Event)

    def answer(self, path: str, body: dict[str, Any] | None) -> tuple[int, Any]:
        """Status and content."""
        self.asked.append(path)
        bundle = self.bundle()
        fault = self.fault if self.of in {None, bundle} else None
        if fault == "503":
            return 503, {"title": "not ready"}
        if fault == "timeout" and path == "/predict":
            self.released.wait(30)
        if fault == "no JSON":
            return 200, None
        if fault == "other bundle":
            bundle = "0" * 64
        answers: dict[str, Any] = {
            "/health": {"status": "alive"},
            "/ready": {"status": "ready", "bundle_sha256": bundle},
            "/metadata": {
                "model": {"bundle_sha256": bundle},
                "follows_pointer": fault == "follows",
            },
        }
        if path != "/predict":
            return 200, answers[path]
        return 200, {"model": {"bundle_sha256": bundle}, "predictions": self._predictions(body)}

    def _predictions(self, body: dict[str, Any] | None) -> list[dict[str, float]]:
        count = len((body or {})["features"])
        request = next(one for one in self.manifest.smoke if len(one.probabilities) == count)
        given = list(request.probabilities)
        if self.fault == "wrong PD" and self.of in {None, self.bundle()}:
            given[0] += 2**-50
        return [{"probability": one} for one in given]


@contextmanager
def stand_in(manifest: DeployManifest, bundle: Callable[[], str | None]) -> Iterator[StandIn]:
    """Run one."""
    api = StandIn(manifest, bundle)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(None)

        def do_POST(self) -> None:
            self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def _answer(self, body: dict[str, Any] | None) -> None:
            api.keys.append(self.headers.get("X-API-Key"))
            status, content = api.answer(self.path, body)
            reply = b"<html>" if content is None else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)

        def log_message(self, *_: Any) -> None:
            """Stay silent."""

    with serving(Handler) as url:
        api.url = url
        try:
            yield api
        finally:
            api.released.set()
