"""`creditrisk deploy-ecs` as a process that is told to stop, or killed, between update and smoke test."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from deploy_stage import IMAGE, TEMPLATE, Stage

LIMIT_SECONDS = 120
QUICK = {"poll_seconds": 0.05, "lease_seconds": 1, "request_seconds": 5, "smoke_seconds": 30}


def command(stage: Stage, folder: Path, *flags: str) -> list[str]:
    """The command, with all that it reads in a folder."""
    target = stage.target(waits=QUICK)
    (folder / "target.json").write_text(target.model_dump_json())
    (folder / "params.yaml").write_text("{}\n")
    stage.manifest.write(folder / "manifest.json")
    return [
        *(sys.executable, "-m", "creditrisk.pipelines.deploy_ecs"),
        *("--target", "target.json", "--manifest", "manifest.json", "--out", "deployment.json"),
        *("--bundle", str(stage.bundle.folder), "--template", str(TEMPLATE), "--image", IMAGE),
        *flags,
    ]


def report(folder: Path) -> dict[str, Any]:
    """What was written."""
    content: dict[str, Any] = json.loads((folder / "deployment.json").read_text())
    return content


def stopped_after_update(stage: Stage, folder: Path, number: signal.Signals) -> int:
    """Signal the process as soon as the service was updated; its exit code."""
    updated = threading.Event()
    stage.fake.play.rollout = "hangs"
    stage.fake.after_update = updated.set
    process = subprocess.Popen(
        command(stage, folder), cwd=folder, env={**os.environ, "OMP_WAIT_POLICY": "PASSIVE"}
    )
    assert updated.wait(LIMIT_SECONDS)
    process.send_signal(number)
    return process.wait(LIMIT_SECONDS)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_interrupted_deployment_is_taken_back(
    stage: Stage, tmp_path: Path, number: signal.Signals
) -> None:
    """Told to stop, the process first puts the recorded revision back and writes its report."""
    assert stopped_after_update(stage, tmp_path, number) == 1
    assert report(tmp_path)["outcome"] == "rolled back"
    assert number.name in report(tmp_path)["reason"]
    assert stage.fake.running == [stage.fake.first] * 2


@pytest.mark.slow
def test_a_killed_deployment_is_recovered(stage: Stage, tmp_path: Path) -> None:
    """After kill -9 the service is half way; --recover finds the revision and puts it back, once."""
    assert stopped_after_update(stage, tmp_path, signal.SIGKILL) == -signal.SIGKILL
    assert stage.journal()["phase"] == "updating"
    assert stage.fake.task_definition != stage.fake.first

    for outcome in ("recovered", "nothing to recover"):
        subprocess.run(command(stage, tmp_path, "--recover"), cwd=tmp_path, check=True)
        assert report(tmp_path)["outcome"] == outcome
        assert stage.fake.running == [stage.fake.first] * 2
        assert stage.journal()["phase"] == "idle"


@pytest.mark.slow
def test_the_next_deployment_recovers_by_itself(stage: Stage, tmp_path: Path) -> None:
    """It puts the recorded revision back, then begins from there."""
    stopped_after_update(stage, tmp_path, signal.SIGKILL)
    stage.fake.play.rollout, stage.fake.after_update = "completes", None
    result = stage.deployment(waits={"lease_seconds": 1}).run(stage.order(), 1e9)
    assert result.outcome == "deployed"
    assert result.previous is not None
    assert result.previous.task_definition == stage.fake.first


def test_killed_while_the_alias_moved_a_sound_deployment_is_completed(stage: Stage) -> None:
    """Where the registry has the new champion, going back would be wrong; where not, forward would."""
    for champion, outcome in ((stage.bundle.sha256, "completed"), ("1" * 64, "recovered")):
        dead = stage.deployment(waits={"lease_seconds": 1})
        dead.journal.acquire(1e9)
        previous = dead.service.settled_revision()
        new = previous.model_copy(update={"bundle_sha256": stage.bundle.sha256})
        dead.journal.advance("promoting", previous=previous, new=new)
        stage.registry.champion = champion
        assert stage.deployment(waits={"lease_seconds": 1}).recover(1e9).outcome == outcome


def test_without_a_target_nothing_is_deployed(tmp_path: Path) -> None:
    """Exit 0 and 'not deployed' where that is allowed, exit 2 where it is not."""
    (tmp_path / "params.yaml").write_text("{}\n")
    base = [sys.executable, "-m", "creditrisk.pipelines.deploy_ecs", "--out", "deployment.json"]
    skipped = subprocess.run([*base, "--if-configured"], cwd=tmp_path, check=False)
    assert (skipped.returncode, report(tmp_path)["outcome"]) == (0, "not deployed")
    refused = subprocess.run(base, cwd=tmp_path, check=False, stderr=subprocess.PIPE)
    assert refused.returncode == 2
    assert b"CREDITRISK_ECS_TARGET" in refused.stderr
