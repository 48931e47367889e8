"""Calls of Amazon's services: repeated where that helps, refused with a sentence where it does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from creditrisk.deploy.clock import Clock
from creditrisk.deploy.errors import AmazonRefused, NoBoto3
from creditrisk.observability.amazon import error_code, is_transient

_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 20.0
_CONNECT_SECONDS = 5.0
_READ_SECONDS = 30.0
_EXPIRED_CODES = {
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "RequestExpired",
    "UnrecognizedClientException",
}


class Amazon:
    """Clients of one region, from the credentials that the environment has at the moment.

    Credentials that have expired are read anew once: whoever renews a file or a variable of this
    process while a rollout is under way need not start again.
    """

    def __init__(self, region: str, clock: Clock, attempts: int) -> None:
        self._region = region
        self._clock = clock
        self._attempts = attempts
        self._clients: dict[str, Any] = {}

    def call(self, service: str, operation: str, /, **parameters: Any) -> dict[str, Any]:
        """Call an operation, again after pauses where the service or the network is at fault.

        Raises:
            AmazonRefused: it was refused, or failed at every attempt.
        """
        renewed = False
        failures = 0
        while True:
            try:
                answer: dict[str, Any] = self._bound(service, operation)(**parameters)
            except NoBoto3:
                raise
            except Exception as error:
                failures += 1
                if error_code(error) in _EXPIRED_CODES and not renewed:
                    renewed = True
                    self._clients.clear()
                elif is_transient(error) and failures < self._attempts:
                    self._clock.rest(_pause(failures))
                else:
                    raise _refusal(operation, error) from error
            else:
                return answer

    def pages(self, service: str, operation: str, field: str, /, **parameters: Any) -> list[Any]:
        """All items of a listing that comes in pages."""
        found: list[Any] = []
        more: dict[str, Any] = {}
        while True:
            answer = self.call(service, operation, **parameters, **more)
            found += answer[field]
            if not answer.get("nextToken"):
                return found
            more = {"nextToken": answer["nextToken"]}

    def _bound(self, service: str, operation: str) -> Callable[..., dict[str, Any]]:
        if service not in self._clients:
            self._clients[service] = self._client(service)
        bound: Callable[..., dict[str, Any]] = getattr(self._clients[service], operation)
        return bound

    def _client(self, service: str) -> Any:
        try:
            import boto3
            from botocore.config import Config
        except ImportError:
            raise NoBoto3 from None
        config = Config(
            connect_timeout=_CONNECT_SECONDS,
            read_timeout=_READ_SECONDS,
            retries={"total_max_attempts": 1},
        )
        return boto3.session.Session(region_name=self._region).client(service, config=config)


def _pause(failures: int) -> float:
    return min(_FIRST_PAUSE_SECONDS * 2.0 ** (failures - 1), _LONGEST_PAUSE_SECONDS)


def _refusal(operation: str, error: Exception) -> AmazonRefused:
    response = getattr(error, "response", None) or {}
    message = response.get("Error", {}).get("Message") or str(error)
    return AmazonRefused(operation, error_code(error), message)
