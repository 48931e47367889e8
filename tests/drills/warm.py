"""A process that has imported the libraries of every stage, and forks each stage from itself.

Nine tenths of a night on a tiny portfolio are imports. A forked stage is a process of its own, with
its own working folder, environment, limits and end; only what it would import is there already. The
project's own code is not imported here: each stage imports the copy that lies in its project.

    python warm.py SOCKET
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import resource
import runpy
import signal
import socket
import struct
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any, NoReturn

LIBRARIES = (
    *("alembic", "aiohttp", "boto3", "duckdb", "evidently", "fsspec.implementations.http"),
    *("ibis", "lightgbm", "matplotlib.pyplot", "mlflow.sklearn", "pandas", "pandera.ibis"),
    *("mlflow.store.tracking.sqlalchemy_store", "pyarrow.parquet", "scipy.stats", "skops.io"),
    *("sklearn.ensemble", "sklearn.linear_model", "sklearn.pipeline", "sqlalchemy", "typer"),
    *("dvc.cli", "dvc.commands.checkout", "dvc.commands.repro", "dvc.repo"),
)
LENGTH = struct.Struct("!I")
NUMBER = struct.Struct("!i")


def main(address: str) -> NoReturn:
    """Import, then fork a stage for each order that comes, until killed."""
    for name in LIBRARIES:
        importlib.import_module(name)
    gc.freeze()
    server = socket.socket(socket.AF_UNIX)
    server.bind(address)
    server.listen(64)
    while True:
        connection, _ = server.accept()
        if os.fork() == 0:
            server.close()
            _serve(connection)
        connection.close()
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def _serve(connection: socket.socket) -> NoReturn:
    """Fork the stage, tell its id, wait for it and tell how it ended."""
    content, handles, _, _ = socket.recv_fds(connection, 1 << 20, 3)
    (length,) = LENGTH.unpack(content[: LENGTH.size])
    content = content[LENGTH.size :]
    while len(content) < length:
        content += connection.recv(1 << 20)
    order = json.loads(content)
    started = time.monotonic()
    stage = os.fork()
    if stage == 0:
        connection.close()
        _run(order, handles)
    for handle in handles:
        os.close(handle)
    with contextlib.suppress(OSError):
        connection.sendall(NUMBER.pack(stage))
    _, status = os.waitpid(stage, 0)
    _note(order, time.monotonic() - started)
    with contextlib.suppress(OSError):
        connection.sendall(NUMBER.pack(os.waitstatus_to_exitcode(status)))
    os._exit(0)


def _note(order: dict[str, Any], seconds: float) -> None:
    """Remember how long each process took: from that the moment of a kill is drawn."""
    if path := order["env"].get("DRILL_SECONDS"):
        with Path(path).open("a", encoding="utf-8") as stream:
            stream.write(json.dumps([process_name(order["argv"]), seconds]) + "\n")


def process_name(words: list[str]) -> str:
    """What a command line is called: the stage, else the subcommand, else the program."""
    if words[0] == "-m":
        return words[1].rpartition(".")[2]
    program = Path(words[0]).name
    return words[1] if program == "creditrisk" else program


def _run(order: dict[str, Any], handles: list[int]) -> NoReturn:
    """Become the stage."""
    code = 1
    try:
        _take_over(order, handles)
        code = _play(order["argv"])
    except BaseException:  # noqa: BLE001  whatever a stage raises is its end
        traceback.print_exc()
    finally:
        _finish(code)


def _take_over(order: dict[str, Any], handles: list[int]) -> None:
    for target, handle in enumerate(handles):
        os.dup2(handle, target)
        os.close(handle)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", closefd=False, buffering=1)  # noqa: SIM115
    os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update(order["env"])
    sys.path[:0] = [os.environ["PYTHONPATH"]]
    # Commands look for their programs beside their interpreter.
    sys.executable = str(Path(os.environ["DRILL_WARM"]).with_name("bin") / "python")
    if limit := os.environ.get("DRILL_FILE_BYTES"):
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
    name, _, seconds = os.environ.get("DRILL_KILL", "").partition(":")
    if name == process_name(order["argv"]):
        _kill_after(float(seconds))


def _kill_after(seconds: float) -> None:
    killer = threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGKILL))
    killer.daemon = True
    killer.start()


def _play(words: list[str]) -> int:
    try:
        if words[0] == "-m":
            sys.argv = words[1:]
            runpy.run_module(words[1], run_name="__main__", alter_sys=True)
        else:
            sys.argv = words
            runpy.run_path(words[0], run_name="__main__")
    except SystemExit as end:
        if isinstance(end.code, str):
            sys.stderr.write(f"{end.code}\n")
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


def _finish(code: int) -> NoReturn:
    """End as an interpreter does, but for tearing down what the next fork needs."""
    with contextlib.suppress(BaseException):
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


if __name__ == "__main__":
    main(sys.argv[1])
