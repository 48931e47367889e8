"""Run a command and account for it: wall seconds, processor seconds, peak memory."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

KIB_PER_GIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Cost:
    """What one or more processes took. Peak memory is that of the largest single process."""

    wall_seconds: float
    processor_seconds: float
    peak_gib: float

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.wall_seconds + other.wall_seconds,
            self.processor_seconds + other.processor_seconds,
            max(self.peak_gib, other.peak_gib),
        )


def run(command: list[str], folder: Path, log: Path) -> Cost:
    """Run a command to its end with its output in `log`.

    Raises:
        RuntimeError: it exited with an error; the message holds the end of its output.
    """
    started = time.perf_counter()
    with log.open("ab") as output:
        process = subprocess.Popen(command, cwd=folder, stdout=output, stderr=output)
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-20:])
        message = f"{' '.join(command)} exited with {process.returncode}:\n{tail}"
        raise RuntimeError(message)
    return Cost(
        time.perf_counter() - started,
        usage.ru_utime + usage.ru_stime,
        usage.ru_maxrss / KIB_PER_GIB,
    )
