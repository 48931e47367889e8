"""What was decided reaches a real MLflow server late, and once, however server and shipper die."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest

from creditrisk.ledger import DecisionLedger, NewDecision
from creditrisk.mlops.store import connect

KEY = "a secret of the tests, 32 bytes and more"
EXPERIMENT = "Outage"
SECONDS = 240.0
FLAGS = ("--window-seconds", "0.2", "--runs-per-second", "1000")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.filterwarnings("ignore:::mlflow", "ignore:::sqlalchemy"),
]


@dataclass
class MlflowServer:
    """`mlflow server` on a database and a port of its own; its workers die with it."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = field(default=None)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def store(self) -> str:
        """Its database."""
        return f"sqlite:///{self.folder}/mlflow.db"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", self.store]
        command += ["--port", str(self.port), "--workers", "1"]
        command += ["--artifacts-destination", str(self.folder / "artifacts")]
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                command,
                cwd=self.folder,
                env={**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        until(self.answers)

    def kill(self) -> None:
        """End it and all that it has started, as a power cut would."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def answers(self) -> bool:
        """Whether it does."""
        try:
            return httpx2.get(f"{self.url}/health", timeout=5, trust_env=False).status_code == 200
        except httpx2.TransportError:
            return False


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MlflowServer]:
    """A running MLflow server, and beside it an empty ledger that the environment names."""
    (tmp_path / "params.yaml").write_text(f"tracking: {{inference_experiment: {EXPERIMENT}}}\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CREDITRISK_LEDGER_URL", f"sqlite:///{tmp_path}/ledger.db")
    monkeypatch.setenv("CREDITRISK_LEDGER_KEY", KEY)
    monkeypatch.setenv("CREDITRISK_LEDGER_ANCHOR", str(tmp_path / "anchor.json"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    DecisionLedger.open().close()
    connect().MlflowClient().search_experiments()  # the server finds its tables made
    own = MlflowServer(tmp_path, free_port())
    own.start()
    yield own
    own.kill()


@pytest.fixture
def shippers(server: MlflowServer) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """Starts a process that ships to that server, five times a second."""
    started: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        with Path("shipper.log").open("ab") as log:
            own = subprocess.Popen(
                [sys.executable, "-m", "creditrisk.pipelines.ship_inference", *FLAGS],
                env={**os.environ, "MLFLOW_TRACKING_URI": server.url},
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        started.append(own)
        return own

    yield start
    for process in started:
        process.kill()
        process.wait()


def free_port() -> int:
    with socket.socket() as own:
        own.bind(("127.0.0.1", 0))
        return int(own.getsockname()[1])


def until(condition: Callable[[], Any]) -> None:
    """Come back once the condition holds."""
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end, f"did not come about in {SECONDS:.0f} s"
        time.sleep(0.1)


def record(prefix: str, count: int) -> list[str]:
    """So many requests, each with one decision; their ids."""
    content = json.dumps({"kind": "decision", "probability": 0.2, "decision": "refer"}).encode()
    names = [f"{prefix}-{number:03}" for number in range(count)]
    with DecisionLedger.open() as ledger:
        for name in names:
            ledger.append([NewDecision("decision", f"decision-{name}", name, content)])
    return names


def shipped() -> list[str]:
    """The requests that have a finished run in the server's database, as often as they have one."""
    client: Any = connect().MlflowClient()
    found = client.get_experiment_by_name(EXPERIMENT)
    if found is None:
        return []
    query = "tags.record = 'requests' and attributes.status = 'FINISHED'"
    runs = client.search_runs([found.experiment_id], filter_string=query, max_results=1_000)
    return sorted(run.data.tags["request_id"] for run in runs)


def said(message: str) -> bool:
    """Whether a shipper has logged that."""
    return message in Path("shipper.log").read_text()


def test_outage_and_kills_deliver_each_record_once(
    server: MlflowServer, shippers: Callable[[], subprocess.Popen[bytes]]
) -> None:
    """The server dies amid deliveries, then the shipper does; what is owed comes late, and once."""
    chance = random.Random(1)  # noqa: S311  # moments, not secrets
    names = record("before", 40)
    shipper = shippers()
    until(lambda: len(shipped()) >= 5)
    time.sleep(chance.uniform(0, 0.3))
    server.kill()
    assert len(shipped()) < len(names)
    names += record("meanwhile", 20)
    until(lambda: said("not delivered"))
    assert shipper.poll() is None

    server.start()
    standing = len(shipped())
    until(lambda: len(shipped()) > standing)
    time.sleep(chance.uniform(0, 0.3))
    shipper.kill()
    shipper.wait()
    names += record("later", 5)
    shippers()
    until(lambda: len(shipped()) >= len(names))
    assert shipped() == sorted(names)
