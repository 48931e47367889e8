"""The lender's source in a drill: raw files over http, with what can be wrong with a source.

A night reaches it as a proxy: the address in params.yaml is one for all nights, or their locks would
differ.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@dataclass
class SourceServer:
    """Serves a folder.

    Attributes:
        folder: the raw files.
        contents: what is served of a file instead of its content.
        refusals: so many requests are answered 503 before one is answered well; -1: all of them.
        cut_after: file and bytes after which its connection is cut, every time.
        url: its address.
    """

    folder: Path
    contents: dict[str, bytes] = field(default_factory=dict)
    refusals: int = 0
    cut_after: tuple[str, int] | None = None
    url: str = ""

    def recover(self) -> None:
        """Serve well again."""
        self.contents, self.refusals, self.cut_after = {}, 0, None

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one request, whole or a range of it."""
        name = handler.path.rpartition("/")[2]
        path = self.folder / name
        if self.refusals:
            self.refusals = max(self.refusals - 1, -1)
            handler.send_error(HTTPStatus.SERVICE_UNAVAILABLE)
            return
        if not path.is_file():
            handler.send_error(HTTPStatus.NOT_FOUND)
            return
        content = self.contents.get(name) or path.read_bytes()
        begin, end = _head(handler, content, path.stat().st_mtime)
        if handler.command == "HEAD":
            return
        if self.cut_after and self.cut_after[0] == name:
            handler.wfile.write(content[begin : min(self.cut_after[1], end)])
            handler.close_connection = True
            return
        handler.wfile.write(content[begin:end])


def _head(handler: BaseHTTPRequestHandler, content: bytes, modified: float) -> tuple[int, int]:
    """Send the head of an answer; where its body begins and ends."""
    wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", handler.headers.get("Range", ""))
    begin = int(wanted[1]) if wanted else 0
    end = min(int(wanted[2]) + 1, len(content)) if wanted and wanted[2] else len(content)
    handler.send_response(HTTPStatus.PARTIAL_CONTENT if wanted else HTTPStatus.OK)
    handler.send_header("Content-Length", str(end - begin))
    if wanted:
        handler.send_header("Content-Range", f"bytes {begin}-{end - 1}/{len(content)}")
    handler.send_header("Accept-Ranges", "bytes")
    handler.send_header("Last-Modified", formatdate(modified, usegmt=True))
    handler.end_headers()
    return begin, end


@contextmanager
def source_server(folder: Path) -> Iterator[SourceServer]:
    """Run a source on loopback."""
    source = SourceServer(folder)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            source.answer(self)

        def do_HEAD(self) -> None:
            source.answer(self)

        def log_message(self, *_: Any) -> None:
            """Stay silent."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            """Stay silent: connections are cut on purpose."""

    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    source.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield source
    finally:
        server.shutdown()
        server.server_close()
