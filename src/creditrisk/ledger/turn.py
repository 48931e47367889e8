"""Whose turn it is to write, of several processes on one machine.

SQLite lets waiting writers sleep ever longer and wakes none: measured with two busy processes, one
commit in a hundred waited 0.2 s. Here a process queues at one lock for another: whoever has just
written cannot overtake the one who holds the queue. A kill gives both locks back.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from creditrisk.ledger.errors import LedgerBusy

_POLL_SECONDS = 0.0002


class FairTurn:
    """A lock between processes that is given in turns; its two files lie beside `place`."""

    def __init__(self, place: Path, wait_seconds: float) -> None:
        self._queue = place.with_name(f"{place.name}.queue.lock")
        self._work = place.with_name(f"{place.name}.write.lock")
        self._wait_seconds = wait_seconds
        self._handles: tuple[IO[str], IO[str]] | None = None

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Hold the turn.

        Raises:
            LedgerBusy: another process kept it for too long.
        """
        queue, work = self._opened()
        deadline = time.monotonic() + self._wait_seconds
        self._take(queue, self._queue, deadline)
        try:
            self._take(work, self._work, deadline)
        finally:
            _release(queue)
        try:
            yield
        finally:
            _release(work)

    def close(self) -> None:
        """Close the files."""
        handles, self._handles = self._handles, None
        for handle in handles or ():
            handle.close()

    def _opened(self) -> tuple[IO[str], IO[str]]:
        if self._handles is None:
            self._handles = (self._queue.open("a"), self._work.open("a"))
        return self._handles

    def _take(self, handle: IO[str], lock: Path, deadline: float) -> None:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise LedgerBusy(lock, self._wait_seconds) from None
                time.sleep(_POLL_SECONDS)
            else:
                return


def _release(handle: IO[str]) -> None:
    fcntl.flock(handle, fcntl.LOCK_UN)
