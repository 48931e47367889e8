"""From a path or an address to a pull: fetched, hashed, read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from creditrisk.contracts.tables import RAW_FILES
from creditrisk.core.errors import MissingFile
from creditrisk.core.files import sha256_of, sha256_of_json
from creditrisk.core.settings import IngestSettings, Settings
from creditrisk.data.sources.acquisition import acquire, locate
from creditrisk.data.sources.location import Location
from creditrisk.data.sources.staging import staging
from creditrisk.monitoring.production.errors import NotAPull
from creditrisk.monitoring.production.feature_file import column_names, read_features
from creditrisk.monitoring.production.pull import FeatureRows, Pull
from creditrisk.monitoring.production.raw_tables import (
    APPLICATION,
    APPLICATION_FILES,
    HISTORIES,
    is_raw,
    read_raw_tables,
)
from creditrisk.monitoring.production.report import Window
from creditrisk.observability.progress import progress_bars
from creditrisk.scoring.batch.places import fetch_file, is_feature_file, is_local

if TYPE_CHECKING:
    from rich.progress import Progress

    from creditrisk.models.encoding import ModelFeature

Moments = tuple[datetime | None, datetime | None]

_INPUT = "input"
_TABLE_OF: Mapping[str, str] = MappingProxyType(
    {**RAW_FILES, **dict.fromkeys(APPLICATION_FILES, APPLICATION)}
)


@dataclass(frozen=True, slots=True)
class _Files:
    """A pull on this machine: one file, or the raw files in a folder."""

    path: Path
    applications: str | None = None

    @property
    def is_raw(self) -> bool:
        return self.applications is not None

    @property
    def paths(self) -> list[Path]:
        if self.applications is None:
            return [self.path]
        names = (self.applications, *HISTORIES)
        return [self.path / name for name in names if (self.path / name).is_file()]

    def digests(self) -> dict[str, str]:
        """The hash of each file by its name."""
        return {path.name: sha256_of(path) for path in self.paths}


def open_pull(
    current: str,
    features: Sequence[ModelFeature],
    settings: Settings,
    work: Path,
    *,
    applications: str | None = None,
    moments: Moments = (None, None),
) -> Pull:
    """Read a feature table, or raw files of applications.

    Args:
        current: a path or an address of a file, or of a folder of raw files.
        features: the model's inputs.
        settings: contracts, retries, resources.
        work: an empty folder for what is fetched.
        applications: which raw file holds the applicants, where `current` is a folder.
        moments: of the first and the last application, where the caller knows.

    Raises:
        MissingFile, NotAtSource, SourceFailed, UnusableSource: it cannot be had.
        UnreadablePull, NotAPull, EmptyPull: it says nothing.
    """
    place = Location(current)
    with progress_bars() as progress:
        files = _fetched(place, applications, work, settings.ingest, progress)
    rows = _rows(files, place.shown, features, settings)
    return Pull(
        window=_window(files, place, rows, moments),
        table=rows.table,
        absent=rows.absent,
        broken_rules=rows.broken_rules,
        extra_columns=rows.extra_columns,
        not_measured=rows.not_measured,
    )


def _rows(
    files: _Files, shown: str, features: Sequence[ModelFeature], settings: Settings
) -> FeatureRows:
    if files.applications is not None:
        return read_raw_tables(files.path, files.applications, features, settings)
    names = column_names(files.path, shown)
    if not {feature.name for feature in features}.intersection(names):
        raise NotAPull(shown, names)
    return read_features(files.path, shown, features, settings)


def _window(files: _Files, place: Location, rows: FeatureRows, moments: Moments) -> Window:
    digests = files.digests()
    # By table, so that the same content under another name is the same window.
    by_table = {_TABLE_OF.get(name, APPLICATION): digest for name, digest in digests.items()}
    return Window(
        kind="applications" if files.is_raw else "features",
        shown=place.shown,
        sha256=sha256_of_json(by_table) if files.is_raw else next(iter(digests.values())),
        first_at=moments[0],
        last_at=moments[1],
        rows=rows.table.num_rows,
        files=digests,
    )


def _fetched(
    place: Location,
    applications: str | None,
    work: Path,
    settings: IngestSettings,
    progress: Progress,
) -> _Files:
    """The pull's files on this machine."""
    if is_local(place):
        return _local(place.path, applications)
    if not is_feature_file(place):
        name = applications or APPLICATION_FILES[0]
        _acquire(place, [name], work / _INPUT, settings, progress)
        return _Files(work / _INPUT, name)
    path = fetch_file(place, work / _INPUT, settings, progress)
    if not _is_raw_file(path, place.shown):
        return _Files(path)
    histories = work / "histories"
    _acquire(_beside(place), [], histories, settings, progress)
    for history in histories.iterdir():
        history.replace(path.with_name(history.name))
    return _Files(path.parent, path.name)


def _local(path: Path, applications: str | None) -> _Files:
    if not path.exists():
        raise MissingFile(path, "monitor-production", "Check --current.")
    if path.is_dir():
        there = [name for name in APPLICATION_FILES if (path / name).is_file()]
        name = applications or next(iter(there), APPLICATION_FILES[0])
        if not (path / name).is_file():
            raise MissingFile(path / name, "monitor-production", "Check --current.")
        return _Files(path, name)
    if _is_raw_file(path, str(path)):
        return _Files(path.parent, path.name)
    return _Files(path)


def _is_raw_file(path: Path, shown: str) -> bool:
    return path.suffix.lower() == ".csv" and is_raw(column_names(path, shown))


def _acquire(
    place: Location,
    required: list[str],
    folder: Path,
    settings: IngestSettings,
    progress: Progress,
) -> None:
    """Fetch the required files of a folder, and those histories that it has."""
    source = settings.model_copy(update={"source": place.written, "files": {}})
    deliveries = locate(source, required, HISTORIES)
    with staging(folder) as stage:
        found = acquire(deliveries, stage, settings.parallel_downloads, progress, lambda _: None)
        stage.commit({file.name: file.path for file in found}, stale=())


def _beside(place: Location) -> Location:
    """The folder of a remote file; a query (a signature) is kept."""
    parts = urlsplit(place.written)
    return Location(urlunsplit(parts._replace(path=parts.path.rpartition("/")[0])))
