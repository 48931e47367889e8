"""Raw files in a folder of this machine."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from creditrisk.data.sources.errors import UnusableSource
from creditrisk.data.sources.location import ENDINGS, Location
from creditrisk.data.sources.source import Watch, candidates, within

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LocalObject:
    """A file that is read where it lies; it is never changed, moved or linked to."""

    location: Location
    size: int

    def materialise(self, folder: Path, watch: Watch) -> Path:  # noqa: ARG002
        """The file itself."""
        return self.location.path


@dataclass(frozen=True, slots=True)
class LocalSource:
    """A folder, or one file or archive."""

    location: Location

    def find(self, file_name: str) -> LocalObject | None:
        """The first file that can hold that raw file.

        Raises:
            UnusableSource: a folder lies where the file must be.
        """
        for candidate in self._candidates(file_name):
            if candidate.path.is_dir():
                raise UnusableSource(candidate.shown, "it is a folder", "a file")
            if candidate.path.exists():
                return LocalObject(candidate, candidate.path.stat().st_size)
        return None

    def _candidates(self, file_name: str) -> list[Location]:
        is_folder = self.location.path.is_dir()
        return (within if is_folder else candidates)(self.location, file_name)


def report_unknown_files(location: Location, known: Iterable[str]) -> None:
    """Name at info level what lies in a source folder and is no raw file."""
    if not location.path.is_dir():
        return
    expected = {name.removesuffix(".csv") + ending for name in known for ending in ENDINGS}
    unknown = sorted({entry.name for entry in location.path.iterdir()} - expected)
    if unknown:
        _LOG.info("ignored in %s, not raw files: %s", location.shown, ", ".join(unknown))
