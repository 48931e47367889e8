"""One command as a child process: its lines shown as they come, its end told, its group ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_KEPT_LINES = 12
_GRACE_SECONDS = 20.0


class Interrupted(BaseException):
    """The night was told to end; no `except Exception` on the way may swallow that."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended: its exit code, negative for a signal, its seconds, its last lines."""

    exit_code: int
    seconds: float
    last_lines: str
    interrupted: bool = False


def run_child(command: Sequence[str], lock_handle: int) -> Ended:
    """Run a command to its end; told to end meanwhile, end it and all that it started.

    Args:
        command: words; the first is looked for beside this interpreter too.
        lock_handle: the night's lock, which the child holds on to: a night that was killed is not
            over before the work is that it began.
    """
    started = time.monotonic()
    kept: deque[str] = deque(maxlen=_KEPT_LINES)
    process = subprocess.Popen(  # noqa: S603  the commands are this project's
        ["/usr/bin/env", *command],
        env=_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
        pass_fds=(lock_handle,),
    )
    interrupted = False
    try:
        for line in process.stdout or ():
            sys.stderr.write(line)
            if line.strip():
                kept.append(line.rstrip())
        process.wait()
    except Interrupted:
        interrupted = True
        _end(process)
    finally:
        if process.stdout:
            process.stdout.close()
    seconds = time.monotonic() - started
    return Ended(process.returncode, seconds, "\n".join(kept), interrupted)


def _end(process: subprocess.Popen[str]) -> None:
    """Ask the whole group to end, and make it."""
    _signal(process, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(_GRACE_SECONDS)
    # What the command started may outlive it.
    _signal(process, signal.SIGKILL)
    process.wait()


def _signal(process: subprocess.Popen[str], number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _environment() -> dict[str, str]:
    scripts = str(Path(sys.executable).parent)
    return {**os.environ, "PATH": f"{scripts}{os.pathsep}{os.environ.get('PATH', '')}"}
