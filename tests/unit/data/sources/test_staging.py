"""New files replace the old ones together, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from creditrisk.data.sources.errors import DiskFull, IngestRunning, StorageFailed
from creditrisk.data.sources.staging import Staging, staging


@pytest.fixture
def target(tmp_path: Path) -> Path:
    folder = tmp_path / "raw"
    folder.mkdir()
    (folder / "old.csv").write_text("old")
    return folder


def stage_file(stage: Staging, name: str) -> dict[str, Path]:
    (stage.folder / name).write_text("new")
    return {name: stage.folder / name}


def fail_while_staging(target: Path, failure: BaseException) -> None:
    with staging(target) as stage:
        stage_file(stage, "old.csv")
        (stage.downloads / "bureau.csv").write_text("half")
        raise failure


def test_committed_files_replace_and_stale_ones_go(target: Path) -> None:
    """A rename each; what neither replaces nor is stale stays."""
    (target / "notes.txt").write_text("mine")
    with staging(target) as stage:
        stage.commit(stage_file(stage, "bureau.csv"), stale=["old.csv", "never-there.csv"])
    assert sorted(path.name for path in target.iterdir()) == ["bureau.csv", "notes.txt"]
    assert list(target.parent.iterdir()) == [target]


def test_a_failure_leaves_no_trace(target: Path) -> None:
    """The staging folder goes, the old files stay."""
    with pytest.raises(ValueError, match="wrong"):
        fail_while_staging(target, ValueError("wrong"))
    assert (target / "old.csv").read_text() == "old"
    assert list(target.parent.iterdir()) == [target]


def test_an_interrupted_download_waits_for_the_next_run(target: Path) -> None:
    """Ctrl-C and a kill keep the downloads, and nothing but the downloads."""
    with pytest.raises(KeyboardInterrupt):
        fail_while_staging(target, KeyboardInterrupt())
    assert [path.name for path in (target.parent / ".raw.part").iterdir()] == ["downloads"]
    with staging(target) as stage:
        kept = [path.name for path in stage.folder.rglob("*")]
        assert kept == ["downloads", "bureau.csv"]


def test_a_second_one_is_refused(target: Path) -> None:
    """Two processes never write one folder; the lock is free again afterwards."""
    with staging(target), pytest.raises(IngestRunning, match="another"), staging(target):
        pass
    with staging(target):
        pass


def test_a_folder_in_the_way_is_found_before_anything_moves(target: Path) -> None:
    """Either all renames are possible or none is made."""
    (target / "z.csv").mkdir()
    with pytest.raises(StorageFailed, match=r"z\.csv"), staging(target) as stage:
        stage.require_way(["old.csv", "z.csv"])


def test_a_disk_without_room_is_refused_beforehand(target: Path) -> None:
    """The message says how much is free and how much is needed."""
    words = "1,000,000,000,000,000,000 bytes are needed"
    with pytest.raises(DiskFull, match=words), staging(target) as stage:
        stage.require_space(10**18)


def test_a_mounted_target_is_staged_inside(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rename cannot leave a file system, for instance a container's volume."""
    monkeypatch.setattr(Path, "is_mount", lambda path: path == target)
    with staging(target) as stage:
        assert stage.folder.parent == target
