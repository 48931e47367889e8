from __future__ import annotations

import asyncio
from typing import Any

import pytest

from creditrisk.serve.security.headers import SecureHeaders


def answered(scheme: str = "http", *own: tuple[bytes, bytes]) -> dict[str, str]:
    """The headers of an answer that sets its own ones."""
    sent: list[dict[str, Any]] = []

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": list(own)})
        await send({"type": "http.response.body", "body": b""})

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(SecureHeaders(app)({"type": "http", "scheme": scheme}, None, send))
    headers = sent[0]["headers"]
    assert len(dict(headers)) == len(headers)
    return {name.decode(): value.decode() for name, value in headers}


def test_every_answer_is_secured() -> None:
    """Nobody keeps, frames, runs or guesses at an answer."""
    headers = answered()
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]


@pytest.mark.parametrize(("scheme", "expected"), [("https", True), ("http", False)])
def test_strict_transport_is_asked_for_over_tls(scheme: str, *, expected: bool) -> None:
    """A browser obeys the header only over TLS, so it is sent there alone."""
    assert ("strict-transport-security" in answered(scheme)) is expected


def test_an_answer_s_own_header_stands() -> None:
    """A page with scripts of its own says so itself."""
    policy = "default-src 'self'"
    headers = answered("http", (b"Content-Security-Policy", policy.encode()))
    assert headers["Content-Security-Policy"] == policy
    assert "content-security-policy" not in headers


def test_other_traffic_passes_untouched() -> None:
    """Start and stop of the server are none of the headers' business."""
    seen: list[str] = []

    async def app(scope: Any, _receive: Any, _send: Any) -> None:
        seen.append(scope["type"])

    asyncio.run(SecureHeaders(app)({"type": "lifespan"}, None, None))
    assert seen == ["lifespan"]
