"""What every connector offers: find a raw file, bring it to this machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from creditrisk.data.sources.location import ENDINGS, Location

# Called with the bytes done so far; raises `Stopped` to end a transfer.
Watch = Callable[[int], None]


class Stopped(Exception):
    """Another file failed, so this one is no longer wanted."""


class SourceObject(Protocol):
    """One object at a source: a CSV file, a gz of one, or a zip of one or more."""

    @property
    def location(self) -> Location:
        """Where it lies."""

    @property
    def size(self) -> int | None:
        """Its bytes, where the source tells."""

    def materialise(self, folder: Path, watch: Watch) -> Path:
        """Give a path of the whole object on this machine, fetched into `folder` where need be."""


class Source(Protocol):
    """A place that holds raw files."""

    def find(self, file_name: str) -> SourceObject | None:
        """The object that holds that raw file, None where there is none."""


def candidates(location: Location, file_name: str) -> list[Location]:
    """The objects in which a raw file may be: the named one, or those of the folder."""
    return [location] if location.names_one_object else within(location, file_name)


def within(folder: Location, file_name: str) -> list[Location]:
    """The objects of a folder in which a raw file may be, in the order of preference."""
    stem = file_name.removesuffix(".csv")
    return [folder.child(stem + ending) for ending in ENDINGS]
