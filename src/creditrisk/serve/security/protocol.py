"""Bounds of what is not a request's body, held while it arrives.

uvicorn's fast parser collects whatever comes until the head is complete, and waits for it as long
as it takes. So a sender of endless headers would fill the memory, and one who sends none would
hold a connection, before any application is asked. The same holds for what frames a body in
chunks, and for trailers, which it appends to the headers that the application sees.
"""

from __future__ import annotations

import json
import logging
from asyncio import BaseTransport, TimerHandle
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from creditrisk.serve.problems import MEDIA_TYPE

MOST_URL_BYTES = 2_048
MOST_HEADERS = 64
MOST_HEAD_BYTES = 32_768
MOST_FRAMING = 16  # bytes received for each byte of a body; chunks of one byte take six
HEAD_SECONDS = 10.0

_log = logging.getLogger(__name__)


class _HeadRefused(Exception):
    """The head breaks a bound; the parser stops where it is."""


class BoundedHttpProtocol(HttpToolsProtocol):
    """HTTP/1.1 whose heads have a bound in length, number of headers and time.

    Name it as uvicorn's `http`.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._in_head = True
        self._begun_in_this_chunk = False
        self._received_bytes = 0  # of this request, but for the chunk that it began in
        self._body_bytes = 0
        self._refusal: HTTPStatus | None = None
        self._deadline: TimerHandle | None = None

    def connection_made(self, transport: BaseTransport) -> None:
        """Start to wait for the first head."""
        super().connection_made(transport)  # type: ignore[arg-type]
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what came; what is neither a whole head nor a body has its bounds."""
        if self._refusal is not None:
            return
        self._begun_in_this_chunk = False
        super().data_received(data)
        if self._refusal is None:
            if self._in_head:
                self._wait_for_head()
            self._count(len(data))

    def on_message_begin(self) -> None:
        """A head begins, maybe in the same bytes as the last body ends."""
        super().on_message_begin()
        self._in_head = self._begun_in_this_chunk = True
        self._received_bytes = self._body_bytes = 0

    def on_body(self, body: bytes) -> None:
        """Count what an application may bound by itself."""
        self._body_bytes += len(body)
        super().on_body(body)

    def on_headers_complete(self) -> None:
        """The head is whole: refuse it, or leave what follows to the application to bound."""
        self._stop_waiting()
        if len(self.url) > MOST_URL_BYTES:
            self._refuse(HTTPStatus.REQUEST_URI_TOO_LONG)
        size = sum(len(name) + len(value) for name, value in self.headers)
        if len(self.headers) > MOST_HEADERS or size > MOST_HEAD_BYTES:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        super().on_headers_complete()
        self._in_head = False
        self.headers = []  # from here on trailers, which are no headers

    def send_400_response(self, _msg: str) -> None:
        """Answer what cannot be parsed, with the status of the bound where one was broken."""
        status = self._refusal or HTTPStatus.BAD_REQUEST
        self._refusal = status
        address = self.client[0] if self.client else "unknown"
        _log.warning("Refused a connection from %s: %d %s", address, status, status.phrase)
        if self._in_head or not self.cycle.response_started:
            self.transport.write(_answer(status))
        self.transport.close()

    def _refuse(self, status: HTTPStatus) -> None:
        self._refusal = status
        raise _HeadRefused

    def _count(self, received: int) -> None:
        """Bound what frames a body, or takes the place of one; its first chunk has a bound anyway."""
        if not self._begun_in_this_chunk:
            self._received_bytes += received
        if self._received_bytes > MOST_HEAD_BYTES + MOST_FRAMING * self._body_bytes:
            self._refusal = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            self.send_400_response("")

    def _wait_for_head(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(HEAD_SECONDS, self._head_is_late)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _head_is_late(self) -> None:
        self._deadline = None
        if not self.transport.is_closing():
            self._refusal = HTTPStatus.REQUEST_TIMEOUT
            self.send_400_response("")


def _answer(status: HTTPStatus) -> bytes:
    """A whole answer: problem details without a correlation id, for no request was made out."""
    kind = status.phrase.lower().replace(" ", "-")
    problem = {
        "type": f"urn:creditrisk:problem:{kind}",
        "title": status.phrase,
        "status": status.value,
        "detail": _DETAILS[status],
    }
    body = json.dumps(problem, separators=(",", ":")).encode()
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: {MEDIA_TYPE}\r\n"
        f"content-length: {len(body)}\r\ncache-control: no-store\r\n"
        "x-content-type-options: nosniff\r\nconnection: close\r\n\r\n"
    )
    return head.encode() + body


_DETAILS = {
    HTTPStatus.BAD_REQUEST: "This is no HTTP/1.1 request.",
    HTTPStatus.REQUEST_TIMEOUT: f"The request's head had not arrived after {HEAD_SECONDS:g} s.",
    HTTPStatus.REQUEST_URI_TOO_LONG: f"The address exceeds {MOST_URL_BYTES} bytes.",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: (
        f"The headers exceed {MOST_HEADERS} fields or {MOST_HEAD_BYTES} bytes."
    ),
}
