"""Time as a deployment sees it; tests give it another one."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Clock:
    """Seconds that pass, and a rest between two looks.

    `on_rest` is called at each rest: what must happen while something is waited for.
    """

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    on_rest: list[Callable[[], None]] = field(default_factory=list)

    def rest(self, seconds: float) -> None:
        """Let time pass."""
        for chore in self.on_rest:
            chore()
        self.sleep(seconds)

    def deadline(self, seconds: float) -> Deadline:
        """A moment that many seconds from now."""
        return Deadline(self, self.now() + seconds)


@dataclass(frozen=True)
class Deadline:
    """The moment until which something is waited for."""

    clock: Clock
    ends: float

    @property
    def seconds_left(self) -> float:
        """What remains; not above 0 when the time is up."""
        return self.ends - self.clock.now()

    def rest(self, seconds: float) -> bool:
        """Let time pass; False, at once, where the time is up."""
        if self.seconds_left <= 0:
            return False
        self.clock.rest(min(seconds, max(self.seconds_left, 0.0)))
        return True
