"""A real PostgreSQL, started from Debian's package."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

START_SECONDS = 60


def program(name: str) -> str:
    """The path of one of PostgreSQL's programs, which Debian keeps off the PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(found[-1]) if found else shutil.which(name) or ""


def unprivileged() -> dict[str, str]:
    """PostgreSQL refuses to run as root."""
    return {"user": "postgres"} if os.geteuid() == 0 else {}


@dataclass
class Server:
    """A server that listens on a socket in `folder`, and can be stopped and started again."""

    folder: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """SQLAlchemy's URL of it."""
        return f"postgresql+psycopg://creditrisk@/postgres?host={self.folder}"

    @property
    def options(self) -> dict[str, Any]:
        """How its programs are run."""
        return {"cwd": self.folder, "stderr": subprocess.DEVNULL, **unprivileged()}

    def make(self) -> None:
        """Make its data folder."""
        if os.geteuid() == 0:
            shutil.chown(self.folder, unprivileged()["user"])
        initdb = [program("initdb"), "-D", "data", "-A", "trust", "-U", "creditrisk"]
        subprocess.run(initdb, check=True, stdout=subprocess.DEVNULL, **self.options)

    def start(self) -> None:
        """Start it and wait until it answers."""
        import psycopg

        command = [program("postgres"), "-D", "data", "-k", str(self.folder)]
        self.process = subprocess.Popen([*command, "-c", "listen_addresses="], **self.options)
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                psycopg.connect(f"host={self.folder} user=creditrisk dbname=postgres").close()
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
            else:
                return

    def stop(self) -> None:
        """Stop it, whoever is connected."""
        assert self.process
        self.process.send_signal(signal.SIGINT)  # SIGTERM would wait for clients
        self.process.wait()


@contextmanager
def server(folder: Path) -> Iterator[Server]:
    """A running server."""
    running = Server(folder)
    running.make()
    running.start()
    try:
        yield running
    finally:
        running.stop()


def execute(url: str, *statements: str) -> None:
    """Change the database as its owner could."""
    import sqlalchemy

    engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
