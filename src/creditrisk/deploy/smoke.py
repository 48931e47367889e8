"""The smoke test: does what answers at an address answer as the manifest says, to the last bit?"""

from __future__ import annotations

import ipaddress
import json
import math
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from http.client import HTTPException
from typing import Any, Literal
from urllib.parse import urlsplit

from creditrisk.core.errors import Misuse
from creditrisk.core.report import Part, Report
from creditrisk.deploy.clock import Clock, Deadline
from creditrisk.deploy.errors import SmokeFailed
from creditrisk.mlops.deployment import SmokeRequest

KEY_VARIABLE = "CREDITRISK_SMOKE_API_KEY"
_MOST_BYTES = 10_000_000
_NOT_YET = {429, 502, 503, 504}


class UnsafeAddress(Misuse):
    """An API key would leave the network in the clear."""

    def __init__(self, url: str) -> None:
        super().__init__(
            f"{url} is not asked with {KEY_VARIABLE}: only https, or http to a private or loopback "
            "address."
        )


class SmokeCheck(Part):
    """One question, and what came back where it was not the right answer."""

    name: str
    status: Literal["passed", "failed"]
    observed: str


class SmokeReport(Report):
    """What an address answered; `requests` counts attempts, too."""

    url: str
    bundle_sha256: str
    decision: Literal["passed", "failed"]
    requests: int
    checks: tuple[SmokeCheck, ...]

    def require_passed(self) -> None:
        """Raise `SmokeFailed` unless every answer was right."""
        if self.decision == "failed":
            wrong = [f"{one.name}: {one.observed}" for one in self.checks if one.status == "failed"]
            raise SmokeFailed(self.url, wrong)


@dataclass(frozen=True)
class Expected:
    """What must answer: the bundle, and the requests whose PDs are known; pinned, it follows none."""

    bundle_sha256: str
    requests: tuple[SmokeRequest, ...] = ()
    pinned: bool = False


@dataclass(frozen=True)
class SmokePatience:
    """How long one request and the whole test may take, and the pause where nothing answers yet."""

    request_seconds: float
    all_seconds: float
    pause_seconds: float


class _Wrong(Exception):
    """An answer that is not the right one; the text says what it was."""


class _NotYet(Exception):
    """No answer that tells anything: the connection failed, or a load balancer has nobody to ask."""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect would hand the key to a server that nobody named."""

    def redirect_request(self, *_: Any) -> None:
        """Follow none."""


@dataclass
class SmokeTest:
    """One run of all questions; the first wrong answer is not asked for again."""

    url: str
    expected: Expected
    patience: SmokePatience
    clock: Clock
    api_key: str | None = None

    def __post_init__(self) -> None:
        _require_safe(self.url, self.api_key)
        self._requests = 0
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirects)

    def run(self) -> SmokeReport:
        """Ask everything; what does not answer is asked again until the time is up."""
        deadline = self.clock.deadline(self.patience.all_seconds)
        checks = tuple(self._checked(name, ask, deadline) for name, ask in self._questions())
        passed = all(check.status == "passed" for check in checks)
        return SmokeReport(
            url=self.url,
            bundle_sha256=self.expected.bundle_sha256,
            decision="passed" if passed else "failed",
            requests=self._requests,
            checks=checks,
        )

    def _questions(self) -> list[tuple[str, Callable[[Deadline], str]]]:
        questions: list[tuple[str, Callable[[Deadline], str]]] = [
            ("GET /health", self._health),
            ("GET /ready", self._ready),
            ("GET /metadata", self._metadata),
        ]
        for request in self.expected.requests:
            name = f"{request.method} {request.path}, {len(request.probabilities)} applicants"
            questions.append((name, partial(self._golden, request)))
        return questions

    def _checked(self, name: str, ask: Callable[[Deadline], str], deadline: Deadline) -> SmokeCheck:
        while True:
            try:
                return SmokeCheck(name=name, status="passed", observed=ask(deadline))
            except _NotYet as error:
                if deadline.rest(self.patience.pause_seconds):
                    continue
                seconds = self.patience.all_seconds
                observed = f"not answered within {seconds:g} s, the last time: {error}"
            except _Wrong as error:
                observed = str(error)
            return SmokeCheck(name=name, status="failed", observed=observed)

    def _health(self, deadline: Deadline) -> str:
        return _same("status", self._asked("/health", deadline).get("status"), "alive")

    def _ready(self, deadline: Deadline) -> str:
        seen = self._asked("/ready", deadline).get("bundle_sha256")
        return _same("bundle", seen, self.expected.bundle_sha256)

    def _metadata(self, deadline: Deadline) -> str:
        answer = self._asked("/metadata", deadline)
        if self.expected.pinned:
            _same("follows_pointer", answer.get("follows_pointer"), required=False)
        seen = _member(answer, "model", dict).get("bundle_sha256")
        return _same("bundle", seen, self.expected.bundle_sha256)

    def _golden(self, request: SmokeRequest, deadline: Deadline) -> str:
        answer = self._asked(request.path, deadline, request.body.model_dump())
        seen = _member(answer, "model", dict).get("bundle_sha256")
        _same("bundle", seen, self.expected.bundle_sha256)
        predictions = _member(answer, "predictions", list)
        given = [one.get("probability") for one in predictions if isinstance(one, dict)]
        return _same("PDs", given, list(request.probabilities))

    def _asked(
        self, path: str, deadline: Deadline, body: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """The JSON object that a path answers with."""
        self._requests += 1
        request = urllib.request.Request(self.url.rstrip("/") + path, headers=self._headers())  # noqa: S310 - the scheme was checked
        if body is not None:
            request.data = json.dumps(body).encode()
        seconds = max(0.1, min(self.patience.request_seconds, deadline.seconds_left))
        try:
            with self._opener.open(request, timeout=seconds) as reply:
                content = reply.read(_MOST_BYTES)
        except urllib.error.HTTPError as error:
            error.close()
            kind = _NotYet if error.code in _NOT_YET else _Wrong
            raise kind(f"status {error.code}") from None
        except (OSError, HTTPException) as error:
            reason = error.reason if isinstance(error, urllib.error.URLError) else error
            raise _NotYet(str(reason) or type(reason).__name__) from None
        return _object(content)

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "Connection": "close"}
        return headers | ({"X-API-Key": self.api_key} if self.api_key else {})


def _same(name: str, seen: Any, required: Any) -> str:
    """What was seen, where it is what is required; equal to the last bit, for numbers."""
    if seen != required or type(seen) is not type(required):
        raise _Wrong(f"{name} {_short(seen)}, required {_short(required)}")
    return f"{name} {_short(seen)}"


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 200 else f"{text[:197]}..."  # noqa: PLR2004


def _member(answer: Mapping[str, Any], name: str, kind: type) -> Any:
    if not isinstance(answer.get(name), kind):
        raise _Wrong(f"the answer has no {name}")
    return answer[name]


def _object(content: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(content, parse_constant=lambda _: math.nan)
    except ValueError:
        raise _Wrong("the answer is no JSON") from None
    if not isinstance(answer, dict):
        raise _Wrong("the answer is no JSON object")
    return answer


def _require_safe(url: str, api_key: str | None) -> None:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise UnsafeAddress(url)
    if api_key and parts.scheme == "http" and not _is_private(parts.hostname):
        raise UnsafeAddress(url)


def _is_private(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return host == "localhost"
