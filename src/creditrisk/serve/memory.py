"""Python's cyclic collector at chosen moments, and memory back to the system after large requests.

A large request makes millions of objects, and none of them in cycles. Left to itself the collector
would walk through all of them, again and again, with every other thread waiting.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import time
from collections.abc import Callable

COLLECT_SECONDS = 5.0
_LATEST_SECONDS = 60.0


def collect_by_hand() -> None:
    """Set what is loaded by now aside, and collect only when `collect_in_quiet` says so."""
    gc.collect()
    gc.freeze()
    gc.disable()


async def collect_in_quiet(is_quiet: Callable[[], bool]) -> None:
    """Collect every few seconds, when nothing large is under way, and else once a minute.

    What large requests have left goes back to the system then.
    """
    last = time.monotonic()
    while not gc.isenabled():
        await asyncio.sleep(COLLECT_SECONDS)
        if is_quiet() or time.monotonic() - last > _LATEST_SECONDS:
            gc.collect()
            _give_back()
            last = time.monotonic()


def _give_back() -> None:
    """Let the C library return what it holds and nobody uses; Linux with glibc, else nothing."""
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (AttributeError, OSError):
        return
