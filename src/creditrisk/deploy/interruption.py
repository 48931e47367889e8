"""SIGTERM and SIGINT as an error that unwinds, or as one that waits for what must not be torn."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Interrupted(BaseException):
    """The process was told to stop; no `Exception`, for Amazon's client would take it for its own."""

    def __init__(self, signal_name: str) -> None:
        super().__init__(f"interrupted by {signal_name}")


class Interruptions:
    """Raises `Interrupted` in the main thread at a signal, once; later signals change nothing."""

    def __init__(self) -> None:
        self._deferring = False
        self._seen: str | None = None

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Take the signals while the block runs; in another thread than the main one, none."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self._take) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def defer(self) -> None:
        """From here on a signal interrupts nothing any more."""
        self._deferring = True

    def _take(self, number: int, _frame: FrameType | None) -> None:
        first = self._seen is None
        self._seen = signal.Signals(number).name
        if first and not self._deferring:
            self._deferring = True
            raise Interrupted(self._seen)
