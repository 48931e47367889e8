"""A clean clone takes a finished run from a remote and computes nothing again."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parents[1] / "unit/remotes"))

from signed_store import signed_store


def clean_clone(project: Any, folder: Path) -> Any:
    """What git holds of a project, with no cache and no data."""
    listed = project.command("git", "ls-files", "--cached", "--others", "--exclude-standard")
    for name in listed.stdout.splitlines():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(project.folder / name, folder / name)
    clone = type(project)(folder)
    assert clone.command("git", "init", "-q").returncode == 0
    return clone


@pytest.fixture
def remote(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Name a remote in the environment of the commands that follow."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    if request.param == "folder":
        (tmp_path / "remote").mkdir()
        monkeypatch.setenv("DVC_REMOTE_URL", str(tmp_path / "remote"))
        monkeypatch.delenv("DVC_REMOTE_CREDENTIALS", raising=False)
    else:
        store = request.getfixturevalue("s3")
        for name, value in store.environment().items():
            monkeypatch.setenv(name, value)


@pytest.fixture
def s3() -> Iterator[Any]:
    """A store that checks keys."""
    with signed_store() as store:
        yield store


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.usefixtures("remote")
@pytest.mark.parametrize("remote", ["folder", "s3"], indirect=True)
def test_a_clean_clone_rebuilds_nothing(finished_project: Any, tmp_path: Path) -> None:
    """Push, pull, `dvc repro validate_model`: no stage runs, and dvc.lock stays as it was."""
    pushed = finished_project.command("creditrisk", "remote", "push")
    assert pushed.returncode == 0, pushed.stderr
    clone = clean_clone(finished_project, tmp_path / "clone")
    before = (clone.folder / "dvc.lock").read_bytes()
    assert not (clone.folder / "data").exists()
    pulled = clone.command("creditrisk", "remote", "pull")
    assert pulled.returncode == 0, pulled.stderr
    repeated = clone.repro("validate_model")
    assert repeated.returncode == 0, repeated.stderr
    assert "Running stage" not in repeated.stdout
    assert "Stage 'validate_model' didn't change, skipping" in repeated.stdout
    assert (clone.folder / "dvc.lock").read_bytes() == before
