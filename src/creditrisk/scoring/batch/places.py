"""Files on this machine or behind an fsspec address, fetched before and brought away after."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from creditrisk.core.errors import CreditRiskError, MissingFile, Misuse
from creditrisk.core.files import atomic_path
from creditrisk.core.settings import IngestSettings
from creditrisk.data.sources.acquisition import acquire, locate
from creditrisk.data.sources.cloud import CloudSource, look
from creditrisk.data.sources.location import LOCAL, Location
from creditrisk.data.sources.source import Watch
from creditrisk.data.sources.staging import staging
from creditrisk.data.sources.transfer import RemoteObject, RetryPolicy, with_retries
from creditrisk.data.sources.web import WebSource
from creditrisk.scoring.batch.errors import UploadFailed

if TYPE_CHECKING:
    from rich.progress import Progress

    from creditrisk.data.sources.transfer import RemoteVersion

_WEB = {"http", "https"}
_UNWRITABLE = {*_WEB, "kaggle", "dvc", "synthetic"}
_FEATURE_ENDINGS = (".csv", ".parquet")
_MEGABYTE = 1_000_000


class UnwritablePlace(Misuse):
    """An output names a place that nobody can write to."""

    def __init__(self, shown: str) -> None:
        super().__init__(
            f"{shown} cannot be written to; required is a path, or the address of a store that "
            "fsspec can write to, such as s3, gs or abfs."
        )


def is_local(place: Location) -> bool:
    """Whether it lies on this machine."""
    return place.kind == LOCAL


def is_feature_file(place: Location) -> bool:
    """Whether a place names one file by its ending, not a folder."""
    return place.name.lower().endswith(_FEATURE_ENDINGS)


def require_writable(place: Location) -> None:
    """Refuse an output that could not be written at the end.

    Raises:
        UnwritablePlace: its kind of address cannot be written to.
    """
    if place.kind in _UNWRITABLE:
        raise UnwritablePlace(place.shown)


def fetch_file(place: Location, folder: Path, settings: IngestSettings, progress: Progress) -> Path:
    """The file on this machine, downloaded into `folder` where it lies elsewhere.

    Raises:
        MissingFile: nothing is there.
        SourceFailed, UnusableSource: the store refused or cannot be reached.
    """
    if is_local(place):
        if not place.path.is_file():
            raise MissingFile(place.path, "batch-predict", "Check --input.")
        return place.path
    folder.mkdir(exist_ok=True)
    policy = RetryPolicy(settings.retries, settings.backoff_seconds)
    look_at = _look(place, policy)
    size = with_retries(place, policy, look_at).size
    remote = RemoteObject(place, size, look_at, policy)
    return remote.materialise(folder, _bar(progress, place, size))


def fetch_raw_tables(
    place: Location,
    folder: Path,
    files: list[str],
    settings: IngestSettings,
    progress: Progress,
) -> Path:
    """The folder of raw files on this machine, downloaded where it lies elsewhere.

    Raises:
        MissingFile: there is no such folder.
        NotAtSource, SourceFailed, UnusableSource: a file is not there or cannot be fetched.
    """
    if is_local(place) and place.path.is_dir():
        return place.path
    if is_local(place) and not place.path.exists():
        raise MissingFile(place.path, "batch-predict", "Check --input.")
    source = settings.model_copy(update={"source": place.written, "files": {}})
    deliveries = locate(source, files, ())
    with staging(folder) as stage:
        found = acquire(deliveries, stage, settings.parallel_downloads, progress, lambda _: None)
        stage.commit({file.name: file.path for file in found}, stale=())
    return folder


def put(source: Path, place: Location, settings: IngestSettings) -> None:
    """Bring a finished file to its place: by one rename or one upload, never in part.

    Raises:
        UploadFailed: the store refused; the file is kept where it is.
    """
    if is_local(place):
        _move(source, place.path)
        return
    policy = RetryPolicy(settings.retries, settings.backoff_seconds)
    try:
        filesystem, path = CloudSource(place, policy).open(place)
        with_retries(place, policy, partial(filesystem.put_file, str(source), path))
    except CreditRiskError as error:
        raise UploadFailed(place.shown, str(error), source.parent) from error


def _move(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.stat().st_dev == target.parent.stat().st_dev:
        source.replace(target)
        return
    with atomic_path(target) as temporary:
        shutil.copyfile(source, temporary)


def flush(path: Path) -> None:
    """Make a file's bytes durable."""
    with path.open("rb+") as stream:
        os.fsync(stream.fileno())


def _look(place: Location, policy: RetryPolicy) -> Callable[[], RemoteVersion]:
    if place.kind in _WEB:
        return partial(WebSource(place, policy).look, place)
    return partial(look, *CloudSource(place, policy).open(place))


def _bar(progress: Progress, place: Location, size: int | None) -> Watch:
    total = None if size is None else size // _MEGABYTE
    task = progress.add_task(f"{place.name} (MB)", total=total)
    return lambda done: progress.update(task, completed=done // _MEGABYTE)
