"""The input of a batch on this machine, identified by its hashes."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from creditrisk.core.errors import MissingFile
from creditrisk.core.files import sha256_of
from creditrisk.core.settings import Settings
from creditrisk.scoring.batch.errors import ChangedWhileRead
from creditrisk.scoring.batch.places import fetch_file, fetch_raw_tables
from creditrisk.scoring.batch.raw_tables import HISTORIES
from creditrisk.scoring.batch.request import BatchRequest

if TYPE_CHECKING:
    from rich.progress import Progress

_FETCHED = "input"


@dataclass(frozen=True, slots=True)
class BatchSource:
    """The files to be read, and their hashes by name; `path` is a file, or the raw folder."""

    path: Path
    shown: str
    files: Mapping[str, str]
    versions: Mapping[Path, tuple[int, int, int]]

    @classmethod
    def fetch(
        cls, request: BatchRequest, work: Path, settings: Settings, progress: Progress
    ) -> BatchSource:
        """Bring the input to this machine where it lies elsewhere, and hash it.

        Raises:
            MissingFile, NotAtSource, SourceFailed, UnusableSource: it cannot be had.
        """
        if request.is_raw:
            names = [request.applications, *HISTORIES]
            path = fetch_raw_tables(
                request.input, work / _FETCHED, names, settings.ingest, progress
            )
            paths = {name: path / name for name in names}
        else:
            path = fetch_file(request.input, work / _FETCHED, settings.ingest, progress)
            paths = {request.input.name: path}
        for file in paths.values():
            if not file.is_file():
                raise MissingFile(file, "batch-predict", "Check --input and --applications.")
        versions = {file: _version(file) for file in paths.values()}
        with ThreadPoolExecutor(settings.resources.usable_threads) as pool:
            hashes = dict(zip(paths, pool.map(sha256_of, paths.values()), strict=True))
        return cls(path, request.input.shown, hashes, versions)

    def require_unchanged(self) -> None:
        """Refuse answers to files that changed while they were read.

        Raises:
            ChangedWhileRead: a file has another size or time of change.
        """
        for path, version in self.versions.items():
            if not path.exists() or _version(path) != version:
                raise ChangedWhileRead(self.shown, path.name)


def _version(path: Path) -> tuple[int, int, int]:
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns
