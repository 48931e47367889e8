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
import typer
from decided import leave_runner
from registered import BUNDLE, promote, register, retrain

from creditrisk.core.settings import load_settings
from creditrisk.mlops.bundle import Bundle
from creditrisk.mlops.served import read_served
from creditrisk.pipelines import companions, watch_registry

SERVED = Path("models/served")
SECONDS = 60.0

pytestmark = pytest.mark.filterwarnings("ignore:::mlflow", "ignore:::sqlalchemy")


@pytest.fixture(autouse=True)
def no_runner(monkeypatch: pytest.MonkeyPatch) -> None:
    """A person's machine, wherever the tests run."""
    leave_runner(monkeypatch)


@pytest.fixture
def watcher(trained: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that looks ten times a second at the registry of the model 'Looked at'."""
    promote("Looked at")
    with Path("params.yaml").open("a") as params:
        params.write("serve: {watch_seconds: 0.1}\n")
    command = watch_registry.watch_command(SERVED)
    process = subprocess.Popen(command, cwd=trained, stdout=subprocess.PIPE, text=True)
    yield process
    process.kill()
    process.communicate()


def next_line(process: subprocess.Popen[str]) -> dict[str, Any]:
    """The next line of its log."""
    assert process.stdout
    line: dict[str, Any] = json.loads(process.stdout.readline())
    return line


def logged(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """The lines that were logged in this process."""
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.mark.usefixtures("trained")
def test_one_look_publishes_the_champion(capsys: pytest.CaptureFixture[str]) -> None:
    """One line of JSON says which version is served from now on."""
    promote("Once")
    watch_registry.main(once=True)
    (line,) = logged(capsys)
    assert (line["alias"], line["event"], line["version"]) == ("champion", "published", "1")
    assert line["bundle_sha256"] == Bundle.load(BUNDLE).sha256
    assert read_served(SERVED).version == "1"


@pytest.mark.usefixtures("trained")
def test_one_look_without_a_champion_is_a_refusal(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever asked for a champion learns that there is none."""
    register("Once in vain")
    with pytest.raises(typer.Exit) as refusal:
        watch_registry.main(once=True)
    assert refusal.value.exit_code == 1
    assert logged(capsys)[0]["reason"] == (
        "Once in vain has no champion: no version was promoted yet."
    )


@pytest.mark.usefixtures("trained")
def test_one_look_at_a_silent_registry_is_a_refusal(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was published before stays."""
    promote("Once more")
    watch_registry.main(once=True)
    (tmp_path / "mlflow.db").write_text("not a database, but long enough to be read as one" * 9)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    with pytest.raises(typer.Exit):
        watch_registry.main(once=True)
    assert logged(capsys)[-1]["event"] == "failed"
    assert read_served(SERVED).version == "1"


def test_the_challenger_is_watched_where_it_is_scored(tmp_path: Path) -> None:
    """`serve.shadow` says which aliases are fetched."""
    path = tmp_path / "params.yaml"
    path.write_text("serve: {shadow: challenger}")
    assert watch_registry.aliases(load_settings(path)) == ("champion", "challenger")
    path.write_text("{}")
    assert watch_registry.aliases(load_settings(path)) == ("champion",)


def test_a_watching_process_follows_and_stops(watcher: subprocess.Popen[str]) -> None:
    """A promotion reaches the pointer by itself; SIGTERM ends the process with exit code 0."""
    assert next_line(watcher)["event"] == "published"
    retrain()
    promote("Looked at", "1")
    while (line := next_line(watcher))["version"] != "2":
        assert line["event"] == "published"
    assert read_served(SERVED).bundle_sha256 == Bundle.load(BUNDLE).sha256
    watcher.send_signal(signal.SIGTERM)
    assert watcher.wait(SECONDS) == 0


def test_a_watching_process_does_not_outlive_its_parent(trained: Path) -> None:
    """Where the API is killed, no watch stays behind."""
    promote("Orphan")
    child = watch_registry.watch_command(SERVED)[:-1]  # whose parent is another
    code = (
        "import os, subprocess, time\n"
        f"child = subprocess.Popen([*{child!r}, str(os.getpid())], stdout=subprocess.PIPE)\n"
        "child.stdout.readline()\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code], cwd=trained, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout
    orphan = int(parent.stdout.readline())
    parent.kill()
    parent.communicate()
    assert is_gone(orphan, within=SECONDS)


def test_a_block_is_watched_from_the_first_look_on(trained: Path) -> None:
    """A champion is there when the block begins; the process ends with it."""
    promote("Beside")
    with watch_registry.registry_watched(trained / SERVED):
        assert read_served(SERVED).version == "1"
        watching = child_other_than(None)
    assert is_gone(watching, within=SECONDS)


@pytest.mark.usefixtures("trained")
def test_a_watch_that_dies_is_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed, it has a successor; the block notices nothing."""
    promote("Killed")
    watch_registry.main(once=True)
    monkeypatch.setattr(companions, "_RESTART_SECONDS", 0.1)
    with watch_registry.registry_watched(SERVED):
        first = child_other_than(None)
        os.kill(first, signal.SIGKILL)
        second = child_other_than(first)
    assert is_gone(second, within=SECONDS)


def child_other_than(known: int | None) -> int:
    """The watching process that this one has started, once there is one."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        for child in psutil.Process().children():
            if child.pid != known and watches(child):
                return child.pid
        time.sleep(0.05)
    pytest.fail("no process watches")


def watches(process: psutil.Process) -> bool:
    """Whether it is alive and watches: other tests may have left a server to this process."""
    try:
        return any(word.endswith("watch_registry") for word in process.cmdline())
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return False


def is_gone(pid: int, within: float) -> bool:
    """Whether a process ends in time."""
    end = time.monotonic() + within
    while time.monotonic() < end:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        if "State:\tZ" in Path(f"/proc/{pid}/status").read_text():
            return True
        time.sleep(0.1)
    return False
