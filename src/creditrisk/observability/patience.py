"""How long and how often a service that does not answer is tried."""

from __future__ import annotations

import time
from typing import Protocol

_LONGEST_PAUSE_SECONDS = 10.0


class Patience(Protocol):
    """What is granted to one delivery."""

    @property
    def attempts(self) -> int:
        """How often it is sent at most."""

    @property
    def backoff_seconds(self) -> float:
        """The pause after the first failure; it doubles after each further one."""

    @property
    def deadline_seconds(self) -> float:
        """How long it is tried in all."""


class Trial:
    """A delivery under way, from now until the patience ends."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._ends = time.monotonic() + patience.deadline_seconds

    @property
    def seconds_left(self) -> float:
        """What remains; not above 0 when the time is up."""
        return self._ends - time.monotonic()

    def pause(self, failures: int, at_least: float = 0.0) -> bool:
        """Wait before another attempt; False, without waiting, where there is to be none.

        `at_least` seconds are asked for by the service; one that asks for many is not waited for.
        """
        backoff = self._patience.backoff_seconds * 2.0 ** (failures - 1)
        seconds = max(at_least, min(backoff, _LONGEST_PAUSE_SECONDS))
        if failures >= self._patience.attempts or at_least > _LONGEST_PAUSE_SECONDS:
            return False
        if seconds >= self.seconds_left:
            return False
        time.sleep(seconds)
        return True
