"""Starts the warm process and makes the programs that a drill finds first on its path."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
_READY_SECONDS = 600.0


class NotWarm(Exception):
    """The warm process ended before it was ready."""


@contextmanager
def warm_process(folder: Path, variables: Mapping[str, str] | None = None) -> Iterator[Path]:
    """Run the warm process; yield the folder of programs that hand their work to it."""
    address, programs = folder / "warm.socket", folder / "bin"
    environment = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE", **(variables or {})}
    with (folder / "warm.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, str(HERE / "warm.py"), str(address)],
            env=environment,
            stdout=log,
            stderr=log,
        )
    try:
        _wait(process, address, folder / "warm.log")
        _make_programs(programs)
        yield programs
    finally:
        process.kill()
        process.wait()


def _wait(process: subprocess.Popen[bytes], address: Path, log: Path) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while not address.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise NotWarm(log.read_text())
        time.sleep(0.1)


def _make_programs(folder: Path) -> None:
    """`python`, and the two commands that a night calls, as the scripts of the real ones."""
    folder.mkdir()
    scripts = Path(sys.executable).parent
    lines = {"python": f'exec {sys.executable} -SIE {HERE / "stand_in.py"} "$@"'}
    for name in ("creditrisk", "dvc"):
        lines[name] = f'exec {folder / "python"} {scripts / name} "$@"'
    for name, line in lines.items():
        (folder / name).write_text(f"#!/bin/sh\n{line}\n")
        (folder / name).chmod(0o755)
