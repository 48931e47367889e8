from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import psutil
import pytest

from creditrisk.pipelines import companions
from creditrisk.pipelines.companions import accompanied, companion_command

SECONDS = 30.0


def sleeper(marks: Path, script: str = "time.sleep(600)") -> list[str]:
    """A command that leaves a file named by its process id, then does as told."""
    mark = f"pathlib.Path({str(marks)!r}, str(os.getpid())).touch()"
    return [sys.executable, "-c", f"import os, pathlib, signal, time\n{mark}\n{script}"]


def pids(marks: Path, count: int) -> list[int]:
    """The processes that have started, once there are so many; the oldest first."""
    end = time.monotonic() + SECONDS
    while len(found := sorted(marks.iterdir(), key=lambda file: file.stat().st_mtime_ns)) < count:
        assert time.monotonic() < end, f"{len(found)} of {count} processes have started"
        time.sleep(0.01)
    return [int(file.name) for file in found]


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_a_companion_that_ends_is_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: signal.Signals
) -> None:
    """However it has ended; the last one ends with the block."""
    monkeypatch.setattr(companions, "_RESTART_SECONDS", 0.1)
    with accompanied("beside", sleeper(tmp_path)):
        (first,) = pids(tmp_path, 1)
        os.kill(first, end)
        _, second = pids(tmp_path, 2)
        assert psutil.pid_exists(second)
    assert not psutil.pid_exists(second)


def test_a_companion_that_will_not_end_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The block ends all the same."""
    monkeypatch.setattr(companions, "_END_SECONDS", 0.2)
    deaf = "signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    again = f"pathlib.Path({str(tmp_path)!r}, '0').touch()\ntime.sleep(600)"
    with accompanied("beside", sleeper(tmp_path, f"{deaf}\n{again}")):
        pid = max(pids(tmp_path, 2))  # it is deaf once the file 0 is there, too
    assert not psutil.pid_exists(pid)


def test_a_block_that_fails_ends_its_companion(tmp_path: Path) -> None:
    """Whatever the block raises comes out, and nothing stays behind."""
    started: list[int] = []

    def fail() -> None:
        started.extend(pids(tmp_path, 1))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), accompanied("beside", sleeper(tmp_path)):
        fail()
    assert not psutil.pid_exists(started[0])


def test_a_companion_knows_whom_it_must_not_outlive() -> None:
    """The command names this process as the parent."""
    command = companion_command("watch_registry", {"--params": Path("other.yaml")})
    assert command[1:] == [
        *("-m", "creditrisk.pipelines.watch_registry"),
        *("--params", "other.yaml", "--parent", str(os.getpid())),
    ]
