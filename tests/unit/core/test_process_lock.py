"""The lock is the system's: it says who holds it, and what a dead holder wrote blocks nobody."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from creditrisk.core.process_lock import LockHeld, held


def test_whoever_holds_it_is_named(tmp_path: Path) -> None:
    """The refusal names the process, its machine and since when; afterwards the lock is free."""
    path = tmp_path / "retrain.lock"
    with held(path, "Retraining"):
        with (
            pytest.raises(LockHeld, match=rf"process {os.getpid()} on .* since 20") as refused,
            held(path, "Retraining"),
        ):
            pass
        assert str(refused.value).startswith(f"Retraining refused: {path} is held by")
    with held(path, "Retraining"):
        pass


def test_what_a_dead_holder_wrote_blocks_nobody(tmp_path: Path) -> None:
    """A file with a holder's name and no lock on it is free."""
    path = tmp_path / "retrain.lock"
    path.write_text("process 1 on elsewhere since 2020-01-01T00:00:00+00:00")
    with held(path, "Retraining"):
        assert path.read_text().startswith(f"process {os.getpid()} ")
    assert path.read_text() == ""


def test_a_failure_gives_it_back(tmp_path: Path) -> None:
    """An error under the lock ends the lock."""
    path = tmp_path / "retrain.lock"
    with pytest.raises(ZeroDivisionError), held(path, "Retraining"):
        raise ZeroDivisionError
    with held(path, "Retraining"):
        pass


def test_waiting_ends(tmp_path: Path) -> None:
    """Whoever waits is refused in the end, and told how long it took."""
    path = tmp_path / "retrain.lock"
    with (
        held(path, "Retraining"),
        pytest.raises(LockHeld, match=r"refused after 0\.1 s"),
        held(path, "Retraining", wait_seconds=0.1),
    ):
        pass
