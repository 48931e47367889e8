from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn

from creditrisk.serve.security import protocol
from creditrisk.serve.security.protocol import (
    MOST_HEAD_BYTES,
    MOST_HEADERS,
    MOST_URL_BYTES,
    BoundedHttpProtocol,
)

GET = b"GET / HTTP/1.1\r\nHost: api\r\nConnection: close\r\n"
POST = b"POST / HTTP/1.1\r\nHost: api\r\nContent-Length: 300000\r\n\r\n" + b"x" * 300_000


async def length_of_body(scope: Any, receive: Any, send: Any) -> None:
    """An application that answers how many bytes it was sent, or at once on /health."""
    length, more = 0, scope["type"] == "http"
    while more:
        message = {} if scope["path"] == "/health" else await receive()
        length += len(message.get("body", b""))
        more = message.get("more_body", False)
    if scope["type"] == "http":
        seen = b"sees" if b"x-trailer" in dict(scope["headers"]) else b"got"
        body = b"%s %06d" % (seen.ljust(4), length)
        await send({"type": "http.response.start", "status": 200, "headers": LENGTH})
        await send({"type": "http.response.body", "body": body})


LENGTH = [(b"content-length", b"11")]


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Where a server listens that holds these bounds."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        length_of_body, http=BoundedHttpProtocol, ws="none", lifespan="off", log_config=None
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield listener.getsockname()[1]
    server.should_exit = True
    thread.join()
    listener.close()


def answer(port: int, *parts: bytes) -> str:
    """What the server says to these bytes, sent one after the other, until it hangs up."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        received = b""
        try:
            for part in parts:
                connection.sendall(part)
                time.sleep(0.02)
            while chunk := connection.recv(65_536):
                received += chunk
        except ConnectionError:
            pass
    return received.decode()


def test_a_request_passes(port: int) -> None:
    """A head within the bounds reaches the application."""
    assert "got  000000" in answer(port, GET + b"\r\n")


def test_bodies_are_not_counted(port: int) -> None:
    """Two long requests and a third in pieces, on one connection, each get their answer."""
    assert answer(port, POST + POST + GET, b"\r\n").count("got") == 3


@pytest.mark.parametrize(
    "parts",
    [
        [GET + b"X: " + b"a" * MOST_HEAD_BYTES + b"\r\n\r\n"],
        [GET + b"X: 1\r\n" * MOST_HEADERS + b"\r\n"],
        [GET + b"X: ", b"a" * MOST_HEAD_BYTES + b"a"],
    ],
    ids=["one long header", "many headers", "a header without an end"],
)
def test_a_bomb_of_headers_is_refused(port: int, parts: list[bytes]) -> None:
    """However it is put together, a head beyond the bounds gets 431 and no more of it is read."""
    assert answer(port, *parts).startswith("HTTP/1.1 431 ")


@pytest.mark.parametrize("piece", [b"a" * 20_000, b"a\r\nX: ", b"a" * 2_000 + b"\r\nX: "])
def test_an_endless_head_is_cut_off(port: int, piece: bytes) -> None:
    """The connection ends while the sender still sends, long before it has sent much."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(GET + b"X: ")
        assert sent_until_cut_off(connection, piece) < 20 * MOST_HEAD_BYTES


def sent_until_cut_off(connection: socket.socket, piece: bytes) -> int:
    """How many bytes went out before the other side hung up."""
    sent = 0
    try:
        while sent < 50 * MOST_HEAD_BYTES:
            sent += connection.send(piece)
            time.sleep(0.001)
    except ConnectionError:
        pass
    return sent


CHUNKED = b"POST %s HTTP/1.1\r\nHost: api\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize("path", [b"/", b"/health"])
@pytest.mark.parametrize(
    ("start", "piece"),
    [
        (b"1\r\nx\r\n0\r\nX: ", b"a" * 5_000),
        (b"1\r\nx\r\n0\r\nX: 1", b"\r\nX: " + b"a" * 1_000),
        (b"1;", b"a" * 5_000),
        (b"", b"1;" + b"a" * 1_000 + b"\r\nx\r\n"),
    ],
    ids=["a trailer", "trailers", "an extension", "extensions"],
)
def test_what_frames_a_body_has_its_bound(
    port: int, path: bytes, start: bytes, piece: bytes
) -> None:
    """Endless trailers and extensions of chunks end the connection, answered already or not."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(CHUNKED % path + start)
        assert sent_until_cut_off(connection, piece) < 20 * MOST_HEAD_BYTES


def test_small_chunks_are_a_body(port: int) -> None:
    """Whoever sends a byte at a time is served."""
    parts = [CHUNKED % b"/", *[b"1\r\nx\r\n" * 10_000] * 3, b"0\r\n\r\n" + GET + b"\r\n"]
    assert "got  030000" in answer(port, *parts)


def test_trailers_are_no_headers(port: int) -> None:
    """What comes after the body is not taken for what stood before it."""
    request = (
        CHUNKED % b"/" + b"1\r\nx\r\n0\r\nX-Trailer: 1\r\n\r\n" + GET + b"X-Trailer: 1\r\n\r\n"
    )
    said = answer(port, request)
    assert said.index("got  000001") < said.index("sees 000000")


def test_an_endless_address_is_refused(port: int) -> None:
    """No path or query of ours is that long."""
    request = b"GET /" + b"a" * MOST_URL_BYTES + b" HTTP/1.1\r\nHost: api\r\n\r\n"
    assert answer(port, request).startswith("HTTP/1.1 414 ")


@pytest.mark.parametrize(
    "request_line",
    [b"nonsense", b"GET / HTTP/9.9", b"GET \xff HTTP/1.1", b"CONNECT a:1 HTTP/1.1"],
)
def test_what_is_no_request_gets_a_problem(port: int, request_line: bytes) -> None:
    """Bytes that are no HTTP are answered as a problem that repeats none of them."""
    said = answer(port, request_line + b"\r\nHost: api\r\nConnection: close\r\n\r\n")
    assert said.startswith("HTTP/1.1 400 ")
    assert "application/problem+json" in said
    assert "nonsense" not in said


@pytest.mark.parametrize("head", [b"", b"GET / HT", GET])
def test_a_slow_sender_is_not_waited_for(
    port: int, head: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection without a whole head ends after some seconds."""
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.3)
    started = time.monotonic()
    assert answer(port, head).startswith("HTTP/1.1 408 ")
    assert time.monotonic() - started < 3
