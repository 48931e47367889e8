"""Labelled snapshots: applications whose outcome became known after the base extract was made.

A snapshot is a folder named by the SHA-256 of its manifest; it holds the seven raw tables. A small
file that git tracks names the snapshots which ingestion adds to its source.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from creditrisk.contracts.tables import RAW_FILES
from creditrisk.core.errors import CreditRiskError, MissingFile
from creditrisk.core.files import sha256_of
from creditrisk.core.report import Part, Report

POINTER = Path("snapshots/labelled.json")
SNAPSHOTS = Path("data/labelled")
MANIFEST = "manifest.json"

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class DamagedSnapshot(CreditRiskError):
    """A labelled snapshot is not what was written."""

    def __init__(self, folder: Path, problem: str) -> None:
        super().__init__(
            f"Labelled snapshot {folder} refused: {problem}. Restore the folder, or take its name "
            "out of the file that lists the snapshots."
        )


class SnapshotFile(Part):
    """One raw table of a snapshot."""

    rows: int
    bytes: int
    sha256: Sha256


class SnapshotManifest(Report):
    """What a snapshot holds; its SHA-256 is the snapshot's name.

    `first_decided_at` and `last_decided_at` are of the decisions that the applications led to. It
    holds no time of its own making: the same applications give the same snapshot.
    """

    format_version: Literal[1] = 1
    applicants: Annotated[int, Field(ge=1)]
    defaults: Annotated[int, Field(ge=0)]
    first_decided_at: str
    last_decided_at: str
    files: dict[str, SnapshotFile]

    @model_validator(mode="after")
    def _has_all_tables(self) -> Self:
        if list(self.files) != list(RAW_FILES):
            message = f"files are {', '.join(self.files)}; must be {', '.join(RAW_FILES)}"
            raise ValueError(message)
        return self


class LabelledSnapshots(Report):
    """The snapshots that ingestion adds, in this order; the empty list adds nothing."""

    format_version: Literal[1] = 1
    snapshots: tuple[Sha256, ...] = ()

    @classmethod
    def of(cls, path: Path) -> Self:
        """The list; where there is no such file, nothing is added.

        Raises:
            UnreadableReport: the file is damaged.
        """
        return cls.read(path) if path.exists() else cls()

    @model_validator(mode="after")
    def _names_each_once(self) -> Self:
        if len(set(self.snapshots)) != len(self.snapshots):
            message = "a snapshot is listed twice"
            raise ValueError(message)
        return self


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A verified snapshot."""

    folder: Path
    sha256: str
    manifest: SnapshotManifest

    @classmethod
    def load(cls, folder: Path, sha256: str) -> Self:
        """Read a snapshot and check every hash.

        Args:
            folder: the folder of all snapshots.
            sha256: the snapshot's name.

        Raises:
            MissingFile: it is not there.
            DamagedSnapshot, UnreadableReport: it is not what was written.
        """
        place = folder / sha256
        path = place / MANIFEST
        if not path.is_file():
            remedy = "Copy the snapshot here from where it was made."
            raise MissingFile(path, "a listed labelled snapshot", remedy)
        if (seen := sha256_of(path)) != sha256:
            raise DamagedSnapshot(place, f"its manifest has the SHA-256 {seen[:12]}")
        manifest = SnapshotManifest.read(path)
        for name, file in manifest.files.items():
            if not (place / name).is_file():
                raise DamagedSnapshot(place, f"{name} is missing")
            if (seen := sha256_of(place / name)) != file.sha256:
                problem = f"{name} has the SHA-256 {seen[:12]}, the manifest {file.sha256[:12]}"
                raise DamagedSnapshot(place, problem)
        return cls(place, sha256, manifest)


def listed_snapshots(pointer: Path = POINTER, folder: Path = SNAPSHOTS) -> tuple[Snapshot, ...]:
    """The verified snapshots that a file lists, in its order.

    Raises:
        MissingFile, DamagedSnapshot, UnreadableReport: one is not there or not what was written.
    """
    return tuple(Snapshot.load(folder, name) for name in LabelledSnapshots.of(pointer).snapshots)
