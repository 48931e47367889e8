from __future__ import annotations

import pytest

from creditrisk.serve.security.locality import is_loopback, strange_header


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost", "LOCALHOST"])
def test_this_machine(host: str) -> None:
    """The loopback addresses and their one name."""
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    [
        "0.0.0.0",  # noqa: S104
        "::",
        "",
        "192.168.0.1",
        "127.0.0.1.example.org",
        "localhost.example.org",
        "fe80::1",
    ],
)
def test_elsewhere(host: str) -> None:
    """Every other address, all addresses at once, and names that only look like this machine."""
    assert not is_loopback(host)


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(b"host", b"127.0.0.1:8000")],
        [(b"host", b"[::1]:8000"), (b"origin", b"http://localhost:8000")],
        [(b"referer", b"http://example.org")],
    ],
)
def test_requests_from_this_machine(headers: list[tuple[bytes, bytes]]) -> None:
    """A client here names this machine in Host, and in Origin if it is a browser."""
    assert strange_header(headers) is None


@pytest.mark.parametrize(
    ("headers", "strange"),
    [
        ([(b"host", b"rebound.example.org:8000")], "Host"),
        ([(b"host", b"127.0.0.1:8000"), (b"origin", b"https://example.org")], "Origin"),
        ([(b"host", b"127.0.0.1:8000"), (b"origin", b"null")], "Origin"),
        ([(b"host", b"127.0.0.1@example.org")], "Host"),
        ([(b"host", b"")], "Host"),
        ([(b"host", b"\xff")], "Host"),
    ],
)
def test_pages_from_elsewhere(headers: list[tuple[bytes, bytes]], strange: str) -> None:
    """A name that was pointed at this machine, or a form that posts across sites, is seen."""
    assert strange_header(headers) == strange
