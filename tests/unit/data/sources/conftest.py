"""A web server on loopback that fails on request."""

from __future__ import annotations

import hashlib
import re
import ssl
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest


@dataclass
class WebServer:
    """What is served, what goes wrong (one fault a GET request, in order), what was asked.

    Faults: ("cut", n) closes the connection after n bytes, ("status", n) answers with that status,
    ("whole", n) ignores a range and closes after n bytes, ("changed", body) serves another body from
    now on, ("short", n) ends in good order n bytes early.
    """

    server: ThreadingHTTPServer | None = None
    files: dict[str, bytes] = field(default_factory=dict)
    faults: dict[str, list[tuple[Any, ...]]] = field(default_factory=lambda: defaultdict(list))
    head_status: int = 200
    with_etag: bool = True
    requests: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Its address."""
        assert self.server is not None
        return f"http://127.0.0.1:{self.server.server_port}"

    def encrypt(self, certificate: Path) -> None:
        """Speak TLS from now on."""
        assert self.server is not None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)

    def gets(self) -> list[str]:
        """The GET requests, with their ranges."""
        return [request for request in self.requests if request.startswith("GET")]


class Handler(BaseHTTPRequestHandler):
    """Answers one connection."""

    protocol_version = "HTTP/1.1"

    def __init__(self, server: WebServer, *arguments: Any) -> None:
        self.web = server
        super().__init__(*arguments)

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        """Size and tag."""
        self._note()
        body = self.web.files.get(self._path())
        status = 404 if body is None else self.web.head_status
        self._start(status, len(body) if body is not None and status == 200 else 0, body)

    def do_GET(self) -> None:
        """The body or a range of it, or the next fault."""
        self._note()
        faults = self.web.faults[self._path()]
        fault = faults.pop(0) if faults else ("none",)
        if fault[0] == "changed":
            self.web.files[self._path()] = fault[1]
        body = self.web.files.get(self._path())
        if body is None or fault[0] == "status":
            self._start(404 if body is None else fault[1], 0, None)
            return
        offset = self._offset(body) if fault[0] != "whole" else 0
        if offset and offset >= len(body):
            self._start(416, 0, body)
            return
        part = body[offset : len(body) - fault[1]] if fault[0] == "short" else body[offset:]
        self._start(206 if offset else 200, len(part), body, offset)
        is_cut = fault[0] in {"cut", "whole"}
        self.wfile.write(part[: fault[1]] if is_cut else part)
        if is_cut:
            time.sleep(0.05)  # the client drops what it has not read yet when the end comes
            self.close_connection = True

    def _start(self, status: int, length: int, body: bytes | None, offset: int = 0) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        if body is not None and self.web.with_etag:
            self.send_header("ETag", _etag(body))
        if status == 206 and body is not None:
            self.send_header("Content-Range", f"bytes {offset}-{len(body) - 1}/{len(body)}")
        self.end_headers()

    def _offset(self, body: bytes) -> int:
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        same = self.headers.get("If-Range", _etag(body)) == _etag(body)
        return int(asked[1]) if asked and same else 0

    def _note(self) -> None:
        asked = self.headers.get("Range")
        self.web.requests.append(" ".join(filter(None, [self.command, self._path(), asked])))

    def _path(self) -> str:
        return self.path.partition("?")[0]


class QuietServer(ThreadingHTTPServer):
    """Does not print when a client hangs up."""

    def handle_error(self, *_: object) -> None:
        """Say nothing."""


def _etag(body: bytes) -> str:
    return f'"{hashlib.sha256(body).hexdigest()[:16]}"'


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[WebServer]:
    """A server of its own for each test."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    served = WebServer()
    server = QuietServer(("127.0.0.1", 0), partial(Handler, served))
    served.server = server
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield served
    server.shutdown()
    server.server_close()
    thread.join()
