"""The gate: every request passes it before its body is read."""

from __future__ import annotations

import ipaddress
import logging
import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from creditrisk.core.settings import ServeSettings
from creditrisk.serve.problems import Problem
from creditrisk.serve.security import locality
from creditrisk.serve.security.callers import LOCAL, Caller, Scope
from creditrisk.serve.security.credentials import presented
from creditrisk.serve.security.errors import NobodyMayCall, NoUsableKey
from creditrisk.serve.security.issuer import Issuer
from creditrisk.serve.security.key_ring import KeyRing
from creditrisk.serve.security.keys import KEY_FILE_VARIABLE, PREFIX
from creditrisk.serve.security.limits import Rate, TokenBuckets
from creditrisk.serve.security.refusals import (
    NotForStrangers,
    TooManyFailures,
    TooManyRequests,
    Unauthenticated,
)

if TYPE_CHECKING:
    from creditrisk.serve.security.tokens import TokenVerifier

REMEMBERED_CALLERS = 20_000
REMEMBERED_ADDRESSES = 20_000
FAILURES = Rate(per_second=1.0, burst=20)
# A caller who is refused again and again is named in the log now and then.
NOTICES = Rate(per_second=0.1, burst=5)

_KEY_START = f"{PREFIX}_"

_log = logging.getLogger(__name__)


class Gate:
    """Who may come in, and how often.

    Args:
        rate: what each caller may send who has no limit of its own.
        keys: API keys; None where none are configured.
        tokens: an issuer's tokens; None where none is configured.
    """

    def __init__(
        self, rate: Rate, keys: KeyRing | None = None, tokens: TokenVerifier | None = None
    ) -> None:
        self._rate = rate
        self._keys = keys
        self._tokens = tokens
        self._requests = TokenBuckets(REMEMBERED_CALLERS)
        self._failures = TokenBuckets(REMEMBERED_ADDRESSES)
        self._notices = TokenBuckets(REMEMBERED_CALLERS)

    @classmethod
    def from_environment(cls, settings: ServeSettings) -> Self:
        """The gate that the environment configures, for one worker.

        Raises:
            NobodyMayCall: neither keys nor issuer, and the address is no loopback.
            NoUsableKey: a file of keys that lets nobody in, and no issuer.
            UnusableKeyFile: the file of keys cannot be trusted or read.
            InvalidIssuer: the issuer is named in part, or by an address that is not https.
        """
        path = os.environ.get(KEY_FILE_VARIABLE)
        keys = KeyRing(Path(path), settings.workers) if path else None
        issuer = Issuer.from_environment()
        if keys is None and issuer is None and not locality.is_loopback(settings.host):
            raise NobodyMayCall(settings.host)
        if keys is not None and issuer is None and not keys.usable:
            raise NoUsableKey(keys.path, len(keys))
        rate = Rate.share(settings.rate_limit, settings.workers)
        gate = cls(rate, keys, _verifier(issuer) if issuer else None)
        if gate.is_open:
            _say_that_it_is_open()
        return gate

    @property
    def is_open(self) -> bool:
        """Whether everybody on this machine is let in."""
        return self._keys is None and self._tokens is None

    async def admit(self, request: Mapping[str, Any], needed: Scope | None) -> Caller:
        """Let a request in and say who sends it.

        Args:
            request: its ASGI scope.
            needed: what the caller must be allowed; None where being known suffices.

        Raises:
            Problem: 401 for an unknown caller, 403 for one without the scope, 429 for one who asks
                too often, 431 for an endless credential, 503 where nobody can tell.
        """
        try:
            caller = await self._caller(request)
        except Unauthenticated as refusal:
            raise self._counted(refusal, request) from None
        try:
            self._allow(caller, needed)
        except Problem as refusal:
            if not self._notices.take(caller.identity, NOTICES):
                _log.warning("Refused %s: %s", caller.name, refusal.detail)
            raise
        return caller

    def problem(self) -> str | None:
        """What keeps callers out who would be let in otherwise; for readiness."""
        return self._keys.problem() if self._keys else None

    async def _caller(self, request: Mapping[str, Any]) -> Caller:
        if self.is_open:
            stranger = locality.strange_header(request["headers"])
            if stranger:
                raise NotForStrangers(stranger)
            return LOCAL
        credential = presented(request["headers"])
        if credential.startswith(_KEY_START):
            if self._keys is None:
                raise Unauthenticated("This API knows no API keys.")
            return self._keys.caller(credential)
        if self._tokens is None:
            raise Unauthenticated("The credential is no API key.")
        return await self._tokens.caller(credential)

    def _allow(self, caller: Caller, needed: Scope | None) -> None:
        rate = caller.rate or self._rate
        wait = self._requests.take(caller.identity, rate)
        if wait:
            raise TooManyRequests(wait, rate.per_second, rate.burst)
        if needed is not None:
            caller.require(needed)

    def _counted(self, refusal: Unauthenticated, request: Mapping[str, Any]) -> Problem:
        """The refusal, or that of an address which has had too many; only the former is logged."""
        address = _network(request)
        wait = self._failures.take(address, FAILURES)
        if wait:
            return TooManyFailures(wait)
        _log.warning("Refused a request from %s: %s", address, refusal.reason)
        return refusal


@cache
def _say_that_it_is_open() -> None:
    """Say it once a process, however many gates it makes."""
    _log.warning("No API keys and no issuer: whoever is on this machine may do everything")


def _verifier(issuer: Issuer) -> TokenVerifier:
    """Tokens need libraries that cost every process without an issuer memory and time."""
    from creditrisk.serve.security.tokens import TokenVerifier

    return TokenVerifier(issuer)


def _network(request: Mapping[str, Any]) -> str:
    """Whose failures are counted together: an IPv4 address, or the /64 that one host may have."""
    client = request.get("client")
    host = str(client[0]) if client else "unknown"
    if ":" not in host:
        return host
    try:
        return str(ipaddress.ip_network(f"{host.partition('%')[0]}/64", strict=False))
    except ValueError:
        return host
