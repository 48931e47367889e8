"""Builders: API key files, requests, an issuer with real keys, and its tokens."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from creditrisk.serve.security import keys
from creditrisk.serve.security.callers import Scope
from creditrisk.serve.security.issuer import Issuer

AUDIENCE = "creditrisk-api"
LOCAL_HOST = (b"host", b"127.0.0.1:8000")


class Clock:
    """Seconds that pass only when told."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        """The time."""
        return self.now

    def move(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds


def key_in(path: Path, *scopes: Scope, name: str = "lender", **details: Any) -> str:
    """A new key whose hash stands in that file."""
    new = keys.new_key(name, scopes or (Scope.PREDICT,), **details)
    keys.add(path, new.stored)
    return new.text


def request(
    credential: str | None = None, client: str = "192.0.2.1", **more: str
) -> dict[str, Any]:
    """An ASGI scope with a bearer credential and further headers."""
    headers = [LOCAL_HOST] if "host" not in more else []
    if credential is not None:
        headers.append((b"authorization", f"Bearer {credential}".encode()))
    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in more.items()]
    return {"type": "http", "client": (client, 50_000), "headers": [*headers, *named]}


@cache
def private_key(name: str) -> Any:
    """A private key of the kind that the first letters of its name say."""
    if name.startswith("rsa_short"):
        return rsa.generate_private_key(65_537, 1_024)  # noqa: S505
    if name.startswith("rsa"):
        return rsa.generate_private_key(65_537, 2_048)
    if name.startswith("ec_p384"):
        return ec.generate_private_key(ec.SECP384R1())
    if name.startswith("ec"):
        return ec.generate_private_key(ec.SECP256R1())
    return ed25519.Ed25519PrivateKey.generate()


def public_jwk(name: str, **members: Any) -> dict[str, Any]:
    """The public half as an issuer publishes it; the key's name is its id."""
    public = private_key(name).public_key()
    algorithm = {"r": RSAAlgorithm, "e": ECAlgorithm if name.startswith("ec") else OKPAlgorithm}
    jwk = algorithm[name[0]].to_jwk(public, as_dict=True)
    return {**jwk, "kid": name, **members}


def claims(issuer: Issuer, **changes: Any) -> dict[str, Any]:
    """What a good token says; a change to None leaves a claim out."""
    now = int(time.time())
    good = {
        "iss": issuer.url,
        "aud": AUDIENCE,
        "sub": "lender-7",
        "iat": now,
        "nbf": now,
        "exp": now + 300,
        "scope": "openid creditrisk:predict",
    }
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


def token(
    said: Mapping[str, Any], key: str = "rsa", algorithm: str = "RS256", **header: Any
) -> str:
    """A token that says this, signed by that key."""
    headers = {"kid": key, **header}
    return jwt.encode(dict(said), private_key(key), algorithm, headers=headers)


def unsigned(said: Mapping[str, Any], **header: Any) -> str:
    """A token whose algorithm is none."""
    return f"{_joined(said, {'alg': 'none', **header})}."


def signed_with_public_key(said: Mapping[str, Any], key: str = "rsa") -> str:
    """A token that takes the public key, which everybody has, for a shared secret (HS256)."""
    pem = (
        private_key(key).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    content = _joined(said, {"alg": "HS256", "kid": key})
    return f"{content}.{_encoded(hmac.digest(pem, content.encode(), hashlib.sha256))}"


def _joined(said: Mapping[str, Any], header: Mapping[str, Any]) -> str:
    parts = ({"typ": "JWT", **header}, dict(said))
    return ".".join(_encoded(json.dumps(part).encode()) for part in parts)


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


class IssuerServer:
    """An issuer on this machine whose answers a test may change."""

    def __init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self.reset()

    def reset(self) -> None:
        """Answer as a healthy issuer does."""
        self.keys: Sequence[Any] = [public_jwk("rsa"), public_jwk("ec"), public_jwk("ed")]
        self.status = 200
        self.headers: dict[str, str] = {}
        self.body: bytes | None = None
        self.discovery: dict[str, Any] = {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        """What the issuer is called."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def issuer(self) -> Issuer:
        """The issuer as an API is told of it."""
        return Issuer(self.url, AUDIENCE)

    def answer(self, path: str) -> bytes:
        """What stands at this path."""
        self.asked.append(path)
        if self.body is not None:
            return self.body
        known = path.startswith("/.well-known/")
        return json.dumps(self.discovery if known else {"keys": self.keys}).encode()

    def _handler(self) -> Callable[..., BaseHTTPRequestHandler]:
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = owner.answer(self.path)
                self.send_response(owner.status)
                for name, value in owner.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_arguments: Any) -> None:
                """Tests read their own output."""

        return Handler

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
