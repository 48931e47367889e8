from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from creditrisk.ledger import DecisionLedger, NewDecision
from creditrisk.ledger.errors import MissingLedger
from creditrisk.mlops.store import connect
from creditrisk.pipelines import ship_inference

KEY = "a secret of the tests, 32 bytes and more"
SECONDS = 90.0
FLAGS = ["--window-seconds", "0.2", "--runs-per-second", "1000"]

pytestmark = pytest.mark.filterwarnings("ignore:::mlflow", "ignore:::sqlalchemy")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An MLflow database for the tests of this file; it is there before two processes want it."""
    uri = f"sqlite:///{tmp_path_factory.mktemp('mlflow')}/mlflow.db"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", uri)
        connect().MlflowClient().search_experiments()
    return uri


@pytest.fixture
def place(tmp_path: Path, store: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project's folder with an empty ledger, and an experiment of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    monkeypatch.setenv("CREDITRISK_LEDGER_URL", f"sqlite:///{tmp_path}/ledger.db")
    monkeypatch.setenv("CREDITRISK_LEDGER_KEY", KEY)
    monkeypatch.setenv("CREDITRISK_LEDGER_ANCHOR", str(tmp_path / "anchor.json"))
    (tmp_path / "params.yaml").write_text(f"tracking: {{inference_experiment: {tmp_path.name}}}\n")
    DecisionLedger.open().close()
    return tmp_path


@pytest.fixture
def process(place: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that ships five times a second, a run a request."""
    command = [sys.executable, "-m", "creditrisk.pipelines.ship_inference", *FLAGS]
    shipper = subprocess.Popen(command, cwd=place, stdout=subprocess.PIPE, text=True)
    yield shipper
    shipper.kill()
    shipper.communicate()


def record(*names: str) -> None:
    """One decision for each of these requests."""
    content = json.dumps({"kind": "decision", "probability": 0.2, "decision": "refer"}).encode()
    with DecisionLedger.open() as ledger:
        for name in names:
            ledger.append([NewDecision("decision", f"decision-{name}", name, content)])


def shipped(place: Path) -> list[str]:
    """The requests that have a finished run."""
    client: Any = connect().MlflowClient()
    found = client.get_experiment_by_name(place.name)
    if found is None:
        return []
    query = "tags.record = 'requests' and attributes.status = 'FINISHED'"
    runs = client.search_runs([found.experiment_id], filter_string=query)
    return sorted(run.data.tags["request_id"] for run in runs)


def next_line(process: subprocess.Popen[str]) -> dict[str, Any]:
    """The next line of its log."""
    assert process.stdout
    line: dict[str, Any] = json.loads(process.stdout.readline())
    return line


def until(condition: Any) -> bool:
    """Whether something comes true in time."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.1)
    return False


def test_once_delivers_everything(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Also what was recorded this very second; the log says how many runs."""
    record("a", "b")
    ship_inference.main(once=True)
    assert shipped(place) == ["a", "b"]
    assert json.loads(capsys.readouterr().out)["runs"] == 2
    ship_inference.main(once=True)
    assert capsys.readouterr().out == ""


def test_every_path_is_a_flag(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ledger, anchor, cursor and settings may lie anywhere."""
    record("flagged")
    for name in ("CREDITRISK_LEDGER_URL", "CREDITRISK_LEDGER_ANCHOR"):
        monkeypatch.delenv(name)
    ship_inference.main(
        url=f"sqlite:///{place}/ledger.db",
        anchor=place / "decisions_anchor.json",
        cursor=place / "elsewhere/cursor.json",
        once=True,
        params=place / "params.yaml",
    )
    assert shipped(place) == ["flagged"]
    assert (place / "elsewhere/cursor.json").exists()


def test_without_a_ledger_there_is_nothing_to_ship(place: Path) -> None:
    """A ledger is never made by whoever reads it."""
    (place / "ledger.db").unlink()
    with pytest.raises(MissingLedger):
        ship_inference.main(once=True)
    assert not (place / "ledger.db").exists()


def test_a_shipping_process_follows_and_stops(place: Path, process: subprocess.Popen[str]) -> None:
    """What is recorded arrives by itself; SIGTERM ends the process with exit code 0."""
    record("first")
    assert until(lambda: shipped(place) == ["first"])
    record("second", "third")
    assert until(lambda: shipped(place) == ["first", "second", "third"])
    process.send_signal(signal.SIGTERM)
    assert process.wait(SECONDS) == 0


def shippers() -> list[psutil.Process]:
    """The processes that this one has started to ship; other tests' helpers may still run beside."""
    children = psutil.Process().children()
    return [child for child in children if any("ship_inference" in w for w in child.cmdline())]


def test_a_block_is_shipped(place: Path) -> None:
    """A process beside the block delivers; the ledger is there before it looks for one."""
    (place / "ledger.db").unlink()
    (place / "decisions_anchor.json").unlink()
    with ship_inference.inference_shipped(place / "params.yaml"):
        record("beside")
        assert until(lambda: shipped(place) == ["beside"])
        (shipping,) = shippers()
    assert not shipping.is_running()


@pytest.mark.slow
@pytest.mark.usefixtures("place")
def test_a_shipping_process_outlives_an_outage(tmp_path: Path) -> None:
    """It says why it cannot deliver, tries again, and then delivers what is owed."""
    database = tmp_path / "down.db"
    database.write_text("not a database, but long enough to be read as one" * 9)
    record("owed")
    own = subprocess.Popen(
        [sys.executable, "-m", "creditrisk.pipelines.ship_inference", *FLAGS],
        env={**os.environ, "MLFLOW_TRACKING_URI": f"sqlite:///{database}"},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert next_line(own)["failures"] == 1
        database.write_bytes(b"")  # in place: its connections stay open
        while (line := next_line(own))["message"] == "not delivered":
            pass
        assert (line["message"], line["runs"]) == ("delivered", 1)
    finally:
        own.kill()
        own.communicate()
