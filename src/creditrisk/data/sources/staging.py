"""Where new files wait until all of them are checked, and how they then replace the old."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from creditrisk.data.sources.errors import DiskFull, IngestRunning, StorageFailed


class Staging:
    """A folder beside `target`, on the same file system, so that a file moves in by one rename."""

    def __init__(self, target: Path) -> None:
        self.target = target
        within = target.is_mount()
        self.folder = target / ".part" if within else target.parent / f".{target.name}.part"
        self.downloads = self.folder / "downloads"

    def require_space(self, needed_bytes: int) -> None:
        """Refuse before the first byte what the disk cannot hold.

        Raises:
            DiskFull: fewer bytes are free.
        """
        free = shutil.disk_usage(self.folder).free
        if needed_bytes > free:
            raise DiskFull(self.target, needed_bytes, free)

    def downloaded_bytes(self) -> int:
        """What an interrupted run has left to go on with."""
        return sum(path.stat().st_size for path in self.downloads.rglob("*") if path.is_file())

    def require_way(self, names: Iterable[str]) -> None:
        """Refuse what could not be renamed, before anything is.

        Raises:
            StorageFailed: a folder lies where a file must go.
        """
        for destination in (self.target / name for name in names):
            if destination.is_dir():
                raise StorageFailed(destination, "is a folder where a file must be")

    def commit(self, files: Mapping[str, Path], stale: Iterable[str]) -> None:
        """Rename files to their names in the target, and drop what is stale there."""
        for destination, path in ((self.target / name, path) for name, path in files.items()):
            if path.is_relative_to(self.folder):
                destination.parent.mkdir(parents=True, exist_ok=True)
                path.replace(destination)
        for path in (self.target / name for name in stale):
            path.unlink(missing_ok=True)
            _remove_empty(path.parent, self.target)


@contextmanager
def staging(target: Path) -> Iterator[Staging]:
    """Yield the staging folder of `target`, which no other process may use meanwhile.

    After a failure it is removed. A killed process leaves it: the next one goes on with the
    downloads that lie there.

    Raises:
        IngestRunning: another process has it.
    """
    target.mkdir(parents=True, exist_ok=True)
    with _lock(target):
        stage = Staging(target)
        _keep_only(stage.folder, stage.downloads)
        stage.downloads.mkdir(parents=True, exist_ok=True)
        try:
            yield stage
        except KeyboardInterrupt:
            # A person who comes back does not want to download it all again.
            _keep_only(stage.folder, stage.downloads)
            _remove_empty(stage.downloads, target.parent)
            raise
        except BaseException:
            shutil.rmtree(stage.folder, ignore_errors=True)
            raise
        else:
            shutil.rmtree(stage.folder, ignore_errors=True)


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """Hold the folder's advisory lock, which the system releases however the process ends."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise IngestRunning(folder) from None
        yield
    finally:
        os.close(descriptor)


def _keep_only(folder: Path, kept: Path) -> None:
    if not folder.exists():
        return
    for entry in folder.iterdir():
        if entry != kept:
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()


def _remove_empty(folder: Path, root: Path) -> None:
    while folder != root and folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent
