from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from creditrisk.core.settings import RateLimitSettings
from creditrisk.serve.security.limits import Rate, TokenBuckets

if TYPE_CHECKING:
    from credentials_made import Clock

RATE = Rate(per_second=10.0, burst=5)


def granted(buckets: TokenBuckets, clock: Clock, seconds: float, every: float) -> int:
    """How many of steady requests are let through."""
    count = 0
    for _ in range(round(seconds / every)):
        count += buckets.take("a", RATE) == 0
        clock.move(every)
    return count


def test_a_burst_and_no_more_at_once(clock: Clock) -> None:
    """A full bucket gives as many tokens as it holds, then says how long until the next."""
    buckets = TokenBuckets(10, clock)
    waits = [buckets.take("a", RATE) for _ in range(6)]
    assert waits[:5] == [0] * 5
    assert waits[5] == pytest.approx(0.1)


def test_the_long_run_is_the_rate(clock: Clock) -> None:
    """Ten seconds of too many requests let the burst and ten seconds' worth through."""
    assert granted(TokenBuckets(10, clock), clock, seconds=10, every=0.01) == pytest.approx(
        105, abs=1
    )


def test_the_rate_itself_is_never_refused(clock: Clock) -> None:
    """Who asks exactly as often as allowed is always let through."""
    assert granted(TokenBuckets(10, clock), clock, seconds=100, every=0.1) == 1_000


def test_the_wait_is_true(clock: Clock) -> None:
    """Who comes back after the time given is let through; a little earlier, not."""
    buckets = TokenBuckets(10, clock)
    while not (wait := buckets.take("a", RATE)):
        pass
    clock.move(wait - 0.01)
    assert buckets.take("a", RATE)
    clock.move(0.01)
    assert not buckets.take("a", RATE)


def test_callers_do_not_use_up_each_other_s(clock: Clock) -> None:
    """Each name has its own bucket."""
    buckets = TokenBuckets(10, clock)
    while not buckets.take("a", RATE):
        pass
    assert buckets.take("b", RATE) == 0


def test_memory_is_bounded(clock: Clock) -> None:
    """The bucket longest unused is forgotten; one in use is not."""
    buckets = TokenBuckets(100, clock)
    for number in range(10_000):
        buckets.take(f"stranger {number}", RATE)
        if number % 50 == 0:
            buckets.take("busy", Rate(1e-6, 1_000))
    assert len(buckets) == 100
    assert sum(buckets.take("busy", Rate(1e-6, 1_000)) == 0 for _ in range(1_000)) == 800


def test_workers_share_a_limit() -> None:
    """Each of several workers grants its part, and at least one request."""
    limit = RateLimitSettings(requests_per_second=9, burst=2)
    assert Rate.share(limit, 3) == Rate(3.0, 1)
