"""How often somebody may ask: a token bucket each, in bounded memory.

The generic cell rate algorithm keeps one number a bucket: when the bucket would be full again. A
full bucket and a forgotten one are the same, so that dropping the one longest unused costs least.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple, Self

from creditrisk.core.settings import RateLimitSettings


class Rate(NamedTuple):
    """So many requests a second in the long run, `burst` at once."""

    per_second: float
    burst: int

    @classmethod
    def share(cls, limit: RateLimitSettings, workers: int) -> Self:
        """What one of several workers grants, so that together they grant no more than the limit."""
        return cls(limit.requests_per_second / workers, math.ceil(limit.burst / workers))


class TokenBuckets:
    """Buckets by name; past `most` of them the one longest unused is forgotten.

    Args:
        most: how many are remembered.
        clock: seconds that never run backwards.
    """

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._clock = clock
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def take(self, name: str, rate: Rate) -> float:
        """Take one token: 0 where it was there, else the seconds until one will be."""
        now = self._clock()
        interval = 1 / rate.per_second
        full_at = max(self._full_at.get(name, now), now)
        wait = full_at + interval - now - rate.burst * interval
        if wait > _ROUNDING_SECONDS:
            return wait
        self._full_at[name] = full_at + interval
        self._full_at.move_to_end(name)
        if len(self._full_at) > self._most:
            self._full_at.popitem(last=False)
        return 0.0

    def __len__(self) -> int:
        return len(self._full_at)


# A sum of intervals is a little more or less than their product.
_ROUNDING_SECONDS = 1e-9
