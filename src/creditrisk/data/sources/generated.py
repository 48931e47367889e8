"""Raw files of a generated portfolio, which lie on this machine already."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from creditrisk.data.sources.location import SYNTHETIC, Location
from creditrisk.data.sources.source import Watch


@dataclass(frozen=True, slots=True)
class GeneratedObject:
    """One generated file."""

    path: Path

    @property
    def location(self) -> Location:
        """An address that names the generator and the file, not where it was written."""
        return Location(f"{SYNTHETIC}://{self.path.name}")

    @property
    def size(self) -> int:
        """Its bytes."""
        return self.path.stat().st_size

    def materialise(self, folder: Path, watch: Watch) -> Path:  # noqa: ARG002
        """The file itself."""
        return self.path
