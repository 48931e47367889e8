from __future__ import annotations

import hashlib
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from creditrisk.core.files import atomic_folder, atomic_path, md5_of, sha256_of, write_text

WRITE_HALF_THEN_DIE = """
import os, signal, sys
from pathlib import Path
from creditrisk.core.files import atomic_path
with atomic_path(Path(sys.argv[1])) as temporary:
    temporary.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def write_half_and_fail(target: Path) -> None:
    with atomic_path(target) as temporary:
        temporary.write_text("half")
        _ = 1 / 0


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_written_file_replaces_the_old_one(tmp_path: Path) -> None:
    """The target holds the new text and nothing else is left beside it."""
    write_text(tmp_path / "report.json", "old")
    write_text(tmp_path / "report.json", "new")
    assert (tmp_path / "report.json").read_text() == "new"
    assert names_in(tmp_path) == ["report.json"]


def test_an_error_keeps_the_old_file(tmp_path: Path) -> None:
    """Nothing half-written becomes visible, nothing temporary remains."""
    target = tmp_path / "report.json"
    write_text(target, "old")
    with pytest.raises(ZeroDivisionError):
        write_half_and_fail(target)
    assert target.read_text() == "old"
    assert names_in(tmp_path) == ["report.json"]


def test_a_killed_writer_leaves_the_old_file(tmp_path: Path) -> None:
    """SIGKILL in the middle of a write does not touch the target."""
    target = tmp_path / "report.json"
    write_text(target, "old")
    process = subprocess.run([sys.executable, "-c", WRITE_HALF_THEN_DIE, str(target)], check=False)
    assert process.returncode == -signal.SIGKILL
    assert target.read_text() == "old"


def test_permissions_follow_the_umask(tmp_path: Path) -> None:
    """Others may read a report as they may read any file that is written plainly."""
    plain = tmp_path / "plain"
    plain.touch()
    write_text(tmp_path / "atomic", "")
    assert (tmp_path / "atomic").stat().st_mode == plain.stat().st_mode


def test_a_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    """Files of the old folder do not survive in the new one."""
    target = tmp_path / "bundle"
    for name in ("old", "new"):
        with atomic_folder(target) as temporary:
            (temporary / name).touch()
    assert names_in(target) == ["new"]
    assert names_in(tmp_path) == ["bundle"]


def test_a_folder_is_never_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Old and new folder change places in one step, so a kill in between cannot lose both."""
    target = tmp_path / "bundle"
    target.mkdir()
    monkeypatch.setattr(Path, "rename", lambda *_: pytest.fail("two steps"))
    with atomic_folder(target) as temporary:
        (temporary / "new").touch()
    assert names_in(target) == ["new"]


def test_an_error_keeps_the_old_folder(tmp_path: Path) -> None:
    """A folder that could not be filled does not replace the last good one."""
    target = tmp_path / "bundle"
    with atomic_folder(target) as temporary:
        (temporary / "old").touch()
    with pytest.raises(ZeroDivisionError), atomic_folder(target):
        _ = 1 / 0
    assert names_in(target) == ["old"]


def test_checksums_are_those_of_the_content(tmp_path: Path) -> None:
    """MD5 and SHA-256 are the library's, over files longer than one chunk."""
    content = b"0123456789abcdef" * 100_000
    path = tmp_path / "file"
    path.write_bytes(content)
    assert sha256_of(path) == hashlib.sha256(content).hexdigest()
    assert md5_of(path) == hashlib.md5(content, usedforsecurity=False).hexdigest()
