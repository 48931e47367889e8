"""A client that sends what it is told to, sound or not, and keeps every answer."""

from __future__ import annotations

import json
import secrets
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from api_server import ApiServer


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def content(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass
class RudeClient:
    """Talks to a server without mending what it sends.

    Args:
        server: whom it talks to.
        certificate: of a server that speaks TLS.
    """

    server: ApiServer
    certificate: Path | None = None
    answers: list[Answer] = field(default_factory=list)

    @property
    def port(self) -> int:
        """Where the server listens."""
        return urlsplit(self.server.url).port or 0

    def ask(
        self,
        method: str,
        path: str,
        credential: str | None = None,
        body: Any = None,
        **headers: str,
    ) -> Answer:
        """Send one request; a credential goes into Authorization, `_` in a header's name is `-`."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if credential is not None:
            sent["Authorization"] = f"Bearer {credential}"
        if body is not None:
            sent["Content-Type"] = "application/json"
        connection = self._connection()
        try:
            connection.request(method, path, None if body is None else json.dumps(body), sent)
            response = connection.getresponse()
            received = {name.lower(): value for name, value in response.getheaders()}
            answer = Answer(response.status, received, response.read())
        finally:
            connection.close()
        self.answers.append(answer)
        return answer

    def say(self, content: bytes) -> str:
        """Send bytes as they are; what comes back until the server hangs up."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=15) as connection:
            received = b""
            try:
                connection.sendall(content)
                while chunk := connection.recv(65_536):
                    received += chunk
            except ConnectionError:
                pass
        return received.decode("latin-1")

    def log(self) -> str:
        """What the server has written of all that it was asked before: lines come in order."""
        mark = secrets.token_hex(8)
        self.ask("GET", "/health", X_Request_ID=mark)
        self.answers.pop()
        self.server.request_line(mark)
        return self.server.log_text

    def lines(self) -> list[dict[str, Any]]:
        """The log, which is a JSON object a line and nothing else."""
        return [json.loads(line) for line in self.log().splitlines()]

    def _connection(self) -> HTTPConnection:
        if self.certificate is None:
            return HTTPConnection("127.0.0.1", self.port, timeout=30)
        context = ssl.create_default_context(cafile=str(self.certificate))
        return HTTPSConnection("localhost", self.port, timeout=30, context=context)


def waited_for(condition: Any, seconds: float = 120) -> None:
    """Come back once the condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"did not come about in {seconds} s"
        time.sleep(0.1)
