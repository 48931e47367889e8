"""What a command needs that runs until it is told to stop: an end, rests, a log."""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from creditrisk.observability.logs import log_as_json

_PARENT_CHECK_SECONDS = 1.0


@contextmanager
def terminable() -> Iterator[None]:
    """Let SIGTERM end the process with exit code 0, wherever it is; what it writes is atomic."""
    before = signal.signal(signal.SIGTERM, _exit)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def json_log() -> Iterator[None]:
    """Let every log record inside become a line of JSON on standard output."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    lines = log_as_json()
    try:
        yield
    finally:
        lines.close()
        root.handlers[:] = handlers
        root.setLevel(level)


def rest(seconds: float, parent: int | None = None) -> None:
    """Sleep; exit with code 0 as soon as a parent that was named is gone, even by `kill -9`."""
    end = time.monotonic() + seconds
    while True:
        if parent is not None and os.getppid() != parent:
            sys.exit(0)
        remaining = end - time.monotonic()
        if remaining <= 0:
            return
        time.sleep(remaining if parent is None else min(remaining, _PARENT_CHECK_SECONDS))


def _exit(_number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(0)
