"""Processes that work beside another one, and with it: started again where they die."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

_RESTART_SECONDS = 5.0
_END_SECONDS = 10.0


def companion_command(name: str, flags: Mapping[str, Path | str]) -> list[str]:
    """A long-running command of ours that lives no longer than the process that starts it."""
    words = (str(word) for flag in flags.items() for word in flag)
    module = f"creditrisk.pipelines.{name}"
    return [sys.executable, "-m", module, *words, "--parent", str(os.getpid())]


@contextmanager
def accompanied(name: str, command: Sequence[str]) -> Iterator[None]:
    """Have a process of its own run while the block does; the block never waits for it."""
    companion = _Companion(name, command)
    companion.start()
    try:
        yield
    finally:
        companion.close()


class _Companion(threading.Thread):
    """Keeps a process alive."""

    def __init__(self, name: str, command: Sequence[str]) -> None:
        super().__init__(name=name, daemon=True)
        self._command = command
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None

    def run(self) -> None:
        """Start the process, and again a little after each time that it ends."""
        while (process := self._launched()) is not None:
            code = process.wait()
            if not self._closing.wait(_RESTART_SECONDS):
                fields = {"exit_code": code}
                _logger().error("%s ended, it starts again", self.name, extra={"fields": fields})

    def close(self) -> None:
        """End the process for good."""
        self._closing.set()
        with self._lock:
            process = self._process
        if process is not None:
            process.terminate()
            try:
                process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.join(_END_SECONDS)

    def _launched(self) -> subprocess.Popen[bytes] | None:
        with self._lock:
            if self._closing.is_set():
                return None
            self._process = subprocess.Popen(self._command)  # noqa: S603 - our own command
            return self._process


def _logger() -> logging.Logger:
    return logging.getLogger("creditrisk.companions")
