"""CloudWatch on loopback: moto's, and a proxy before it that answers with faults first."""

from __future__ import annotations

import socket
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_HOP_BY_HOP = {"connection", "transfer-encoding", "content-length", "date", "server"}


@contextmanager
def moto_server() -> Iterator[str]:
    """Run moto's server; yield its address."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        server.stop()


@dataclass
class FaultyProxy:
    """Answers each request with the next fault, and passes it on once none is left.

    A fault is a status, with the code of an error, or `None` for a connection that is cut.
    """

    behind: str
    faults: list[tuple[int, str] | None] = field(default_factory=list)
    requests: int = 0
    url: str = ""

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        self.requests += 1
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        if not self.faults:
            self._pass_on(handler, body)
        elif (fault := self.faults.pop(0)) is None:
            handler.close_connection = True
            handler.connection.shutdown(socket.SHUT_RDWR)
        else:
            _reply(handler, fault[0], {"x-amzn-query-error": f"{fault[1]};Sender"}, b"")

    def _pass_on(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        headers = {k: v for k, v in handler.headers.items() if k.lower() not in _HOP_BY_HOP}
        request = urllib.request.Request(self.behind + handler.path, body, headers)  # noqa: S310
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            kept = {k: v for k, v in answer.headers.items() if k.lower() not in _HOP_BY_HOP}
            _reply(handler, answer.status, kept, answer.read())


@contextmanager
def faulty_proxy(behind: str) -> Iterator[FaultyProxy]:
    """Run a proxy before a server."""
    proxy = FaultyProxy(behind)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            proxy.answer(self)

        def log_message(self, *_: Any) -> None:
            """Stay silent."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            """Stay silent: connections are cut on purpose."""

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    proxy.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def _reply(
    handler: BaseHTTPRequestHandler, status: int, headers: dict[str, str], body: bytes
) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)
