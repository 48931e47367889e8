"""The issuer's public keys: fetched off the event loop, kept, and fetched again when due.

Source: RFC 7517 (JSON Web Key), OpenID Connect Discovery 1.0.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
import urllib.request
from collections.abc import Callable, Mapping
from http.client import HTTPException
from typing import Any, NamedTuple

import jwt

from creditrisk.serve.security.issuer import Issuer, is_trustworthy
from creditrisk.serve.security.refusals import CredentialsUnavailable, Unauthenticated

TIMEOUT_SECONDS = 3.0
MOST_BYTES = 1_000_000
# A sender of invented key ids makes the API ask its issuer no more often than this.
PAUSE_SECONDS = 30.0
RENEW_SECONDS = 600.0
MOST_STALE_SECONDS = 86_400.0
MIN_RSA_BITS = 2_048

# One family a kind of key, so that a token cannot choose how its signature is checked.
_ALGORITHMS = {"RSA": ("RS256", "PS256"), "EC": ("ES256",), "OKP": ("EdDSA",)}
_CURVES = {"RSA": None, "EC": "P-256", "OKP": "Ed25519"}

_log = logging.getLogger(__name__)

JWK = Mapping[str, Any]


class SigningKey(NamedTuple):
    """A public key and the algorithms that it may be used with."""

    key: Any
    algorithms: tuple[str, ...]


class IssuerUnreachable(Exception):
    """The issuer did not give its keys; the text says why."""


class KeySet:
    """The signing keys of one issuer by their id.

    A key id that is unknown makes the set be fetched, a set past `RENEW_SECONDS` is renewed beside
    the requests. While the issuer is down the last set serves, for a day at most.
    """

    def __init__(
        self,
        issuer: Issuer,
        fetch: Callable[[Issuer], list[JWK]] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._issuer = issuer
        self._fetch = fetch or fetch_keys
        self._clock = clock
        self._keys: dict[str, SigningKey] = {}
        self._fetched_at: float | None = None
        self._failed = False
        self._next_fetch = clock()
        self._running: asyncio.Task[None] | None = None

    async def key(self, key_id: str) -> SigningKey:
        """The key of this id.

        Raises:
            Unauthenticated: the issuer publishes none of this id.
            CredentialsUnavailable: the issuer's keys are not known, or have been stale for a day.
        """
        if key_id not in self._keys or self._age() > MOST_STALE_SECONDS:
            await self._renew()
        elif self._age() > RENEW_SECONDS:
            self._start()
        if self._age() > MOST_STALE_SECONDS or (self._failed and key_id not in self._keys):
            raise CredentialsUnavailable("The issuer of the token cannot be reached at present.")
        if key_id not in self._keys:
            raise Unauthenticated(
                "The token is signed with a key that its issuer does not publish."
            )
        return self._keys[key_id]

    def _age(self) -> float:
        return float("inf") if self._fetched_at is None else self._clock() - self._fetched_at

    async def _renew(self) -> None:
        """Fetch the set where that may be done; all who ask meanwhile wait for the one answer."""
        self._start()
        if self._running is not None:
            await asyncio.shield(self._running)

    def _start(self) -> None:
        if self._running is None and self._clock() >= self._next_fetch:
            self._next_fetch = self._clock() + PAUSE_SECONDS
            self._running = asyncio.create_task(self._take_in())

    async def _take_in(self) -> None:
        try:
            published = await asyncio.to_thread(self._fetch, self._issuer)
            self._keys = signing_keys(published)
            self._fetched_at = self._clock()
            self._failed = False
        except IssuerUnreachable as error:
            self._failed = True
            _log.warning("Keys of %s not fetched: %s", self._issuer.url, error)
        finally:
            self._running = None


def signing_keys(published: list[JWK]) -> dict[str, SigningKey]:
    """The published keys that may sign a token, by id.

    Raises:
        IssuerUnreachable: there are none.
    """
    keys = {jwk["kid"]: key for jwk in published if (key := _signing_key(jwk)) is not None}
    if not keys:
        raise IssuerUnreachable("it publishes no key that may sign a token")
    return keys


def _signing_key(jwk: JWK) -> SigningKey | None:
    kind = jwk.get("kty")
    if not isinstance(jwk.get("kid"), str) or kind not in _ALGORITHMS:
        return None
    if jwk.get("use", "sig") != "sig" or jwk.get("crv") != _CURVES[kind] or "d" in jwk:
        return None
    algorithms = tuple(name for name in _ALGORITHMS[kind] if jwk.get("alg", name) == name)
    if not algorithms:
        return None
    try:
        key = jwt.PyJWK(dict(jwk), algorithms[0]).key
    except (jwt.PyJWTError, TypeError, ValueError):
        return None
    too_short = kind == "RSA" and key.key_size < MIN_RSA_BITS
    return None if too_short else SigningKey(key, algorithms)


def fetch_keys(issuer: Issuer) -> list[JWK]:
    """Ask the issuer for its keys.

    Raises:
        IssuerUnreachable: no answer in time, or not the one that is required.
    """
    try:
        document = _json_of(issuer.jwks_url or _discovered(issuer))
    except (OSError, HTTPException, RecursionError, ValueError) as error:
        raise IssuerUnreachable(str(error) or type(error).__name__) from error
    keys = document.get("keys")
    if not isinstance(keys, list):
        raise IssuerUnreachable("its answer holds no list of keys")
    return [key for key in keys if isinstance(key, dict)]


def _discovered(issuer: Issuer) -> str:
    document = _json_of(f"{issuer.url.rstrip('/')}/.well-known/openid-configuration")
    if document.get("issuer") != issuer.url:
        message = "its discovery document names another issuer"
        raise ValueError(message)
    return str(document.get("jwks_uri"))


def _json_of(url: str) -> dict[str, Any]:
    if not is_trustworthy(url):
        message = f"{url!r} is no https address"
        raise ValueError(message)
    opener = urllib.request.build_opener(_NoRedirect())
    with opener.open(url, timeout=TIMEOUT_SECONDS) as answer:
        content = answer.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        message = f"{url!r} answers more than {MOST_BYTES} bytes"
        raise ValueError(message)
    document = json.loads(content)
    if not isinstance(document, dict):
        message = f"{url!r} answers no JSON object"
        raise ValueError(message)  # noqa: TRY004
    return document


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Whoever could redirect this could choose the keys."""

    def redirect_request(self, *_arguments: Any, **_options: Any) -> None:
        """Follow nothing: the redirect itself is the error."""
