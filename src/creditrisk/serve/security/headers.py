"""The headers that every answer carries."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

ASGIScope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[ASGIScope, Receive, Send], Awaitable[None]]

_CONTENT_POLICY = b"content-security-policy"

# An answer is data about a person: nobody keeps it, guesses its type, frames it or runs it.
_ALWAYS = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (_CONTENT_POLICY, b"default-src 'none'; frame-ancestors 'none'"),
)
_OVER_TLS = (*_ALWAYS, (b"strict-transport-security", b"max-age=31536000"))


class SecureHeaders:
    """ASGI middleware: what the answer has not set itself is set here."""

    def __init__(self, app: Application) -> None:
        self._app = app

    async def __call__(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        """Pass the request on; add the headers as the answer starts."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = _OVER_TLS if scope.get("scheme") == "https" else _ALWAYS

        async def send_securely(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = list(message.get("headers", ()))
                names = {name.lower() for name, _ in own}
                message["headers"] = own + [each for each in headers if each[0] not in names]
            await send(message)

        await self._app(scope, receive, send_securely)
