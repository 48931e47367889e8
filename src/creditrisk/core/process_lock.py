"""A lock between processes that says who holds it."""

from __future__ import annotations

import fcntl
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from creditrisk.core.errors import CreditRiskError

_POLL_SECONDS = 0.02


class LockHeld(CreditRiskError):
    """Another process is at it."""

    def __init__(self, work: str, path: Path, holder: str, waited_seconds: float) -> None:
        self.holder = holder
        waited = f" after {waited_seconds:g} s" if waited_seconds else ""
        super().__init__(
            f"{work} refused{waited}: {path} is held by {holder}, or by what it started. Wait until "
            "that has ended."
        )


@contextmanager
def held(path: Path, work: str, *, wait_seconds: float = 0.0) -> Iterator[int]:
    """Hold the lock file meanwhile, and yield its descriptor.

    The lock is the system's (flock): the kill of its holder gives it back, whatever the file says,
    once nobody is left who was handed the descriptor. The file is never removed, or two processes
    could hold a lock of one name.

    Args:
        path: the lock file.
        work: what is done under the lock, for whoever is refused.
        wait_seconds: how long to wait for another holder.

    Raises:
        LockHeld: another process kept it for longer.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as handle:
        _take(handle, path, work, wait_seconds)
        _note(handle, f"process {os.getpid()} on {socket.gethostname()} since {_now()}")
        try:
            yield handle.fileno()
        finally:
            _note(handle, "")


def _take(handle: IO[str], path: Path, work: str, wait_seconds: float) -> None:
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise LockHeld(work, path, _holder(handle), wait_seconds) from None
            time.sleep(_POLL_SECONDS)
        else:
            return


def _holder(handle: IO[str]) -> str:
    handle.seek(0)
    return handle.read().strip() or "a process that has just taken it"


def _note(handle: IO[str], holder: str) -> None:
    handle.seek(0)
    handle.truncate()
    handle.write(holder)
    handle.flush()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
