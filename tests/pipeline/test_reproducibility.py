"""Same commit, same data: same bytes."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from collections.abc import Callable
from typing import Any

import pytest

# When each stage is killed: late enough for its imports, early enough to be at work.
MOMENTS_SECONDS = {
    "ingest_data": 1.5,
    "build_feature_store": 3.0,
    "split_data": 1.0,
    "fit_model": 4.0,
    "evaluate_test": 2.0,
}


def outs(project: Any) -> dict[str, list[dict[str, Any]]]:
    return {name: stage.get("outs", []) for name, stage in project.lock.items()}


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_two_clean_runs_give_the_same_lock(
    finished_project: Any, new_project: Callable[..., Any]
) -> None:
    """A run on two threads in another folder records the same checksums as one on one thread."""
    second = new_project(resources={"threads": 2})
    assert second.repro().returncode == 0
    assert outs(second) == outs(finished_project)
    assert second.lock == finished_project.lock


@pytest.mark.slow
def test_a_second_run_recomputes_nothing(finished_project: Any) -> None:
    """Only the stages that ask the registry, and those after them, run again."""
    output = finished_project.repro().stdout
    ran = re.findall(r"^Running stage '(.*)':", output, flags=re.MULTILINE)
    assert ran[:3] == ["register_candidate", "canary_validation", "register_model"]
    assert sorted(ran[3:]) == ["deploy_manifest", "model_report"]


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("stage", sorted(MOMENTS_SECONDS))
def test_a_killed_stage_run_again_gives_the_same_result(finished_project: Any, stage: str) -> None:
    """SIGKILL at any moment leaves nothing that changes the next run's result."""
    command = finished_project.lock[stage]["cmd"].split()
    before = outs(finished_project)
    started = time.monotonic()
    kill_after(finished_project, command, MOMENTS_SECONDS[stage])
    assert time.monotonic() - started < 60
    process = finished_project.repro("--force", "--single-item", stage)
    assert process.returncode == 0, process.stderr
    assert outs(finished_project) == before


def kill_after(project: Any, command: list[str], seconds: float) -> None:
    process = subprocess.Popen(command, cwd=project.folder, env=project.environment())
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    process.wait()
