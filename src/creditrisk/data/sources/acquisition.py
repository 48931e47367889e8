"""All raw files from their sources to this machine: several at a time, each checked at once."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from creditrisk.core.settings import IngestSettings
from creditrisk.data.sources.archives import Digests, digest, holds, unpack, unpacked_bytes
from creditrisk.data.sources.connectors import open_source
from creditrisk.data.sources.errors import NotAtSource, UnknownRawFile, UnusableSource
from creditrisk.data.sources.location import LOCAL, SYNTHETIC, Location
from creditrisk.data.sources.source import SourceObject, Stopped, Watch, candidates
from creditrisk.data.sources.staging import Staging
from creditrisk.data.sources.transfer import RetryPolicy

if TYPE_CHECKING:
    from rich.progress import Progress

_MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class RawFile:
    """A raw file on this machine, not yet where it belongs."""

    name: str
    path: Path
    location: Location
    digests: Digests


@dataclass(frozen=True, slots=True)
class Delivery:
    """One object at a source and the raw files that are taken from it."""

    origin: SourceObject
    file_names: tuple[str, ...]
    optional: frozenset[str] = frozenset()


def locate(
    settings: IngestSettings, required: Sequence[str], optional: Sequence[str]
) -> list[Delivery]:
    """Find every raw file at its source.

    Raises:
        UnknownRawFile: settings name a file that is neither.
        NotAtSource: a required file is missing; all that are missing at one source are named.
        UnusableSource: a source cannot serve what it is named for.
        SourceFailed: a source cannot be reached or refuses.
    """
    known = [*required, *optional]
    unknown = [name for name in settings.files if name not in known]
    if unknown:
        raise UnknownRawFile(unknown, known)
    places = {name: _place(settings, name) for name in known}
    policy = RetryPolicy(settings.retries, settings.backoff_seconds)
    sources = {place: open_source(place, policy) for place in dict.fromkeys(places.values())}
    with ThreadPoolExecutor(settings.parallel_downloads) as pool:
        searches = {name: pool.submit(sources[place].find, name) for name, place in places.items()}
        found = {name: search.result() for name, search in searches.items()}
    _refuse_missing(places, [name for name in required if found[name] is None])
    return _by_object(found, frozenset(optional))


def _by_object(
    found: Mapping[str, SourceObject | None], optional: frozenset[str]
) -> list[Delivery]:
    """One delivery an object: an archive of all files is fetched once."""
    origins: dict[Location, SourceObject] = {}
    names: dict[Location, list[str]] = {}
    for name, origin in found.items():
        if origin is not None:
            origins.setdefault(origin.location, origin)
            names.setdefault(origin.location, []).append(name)
    return [Delivery(origins[place], tuple(names[place]), optional) for place in origins]


def _place(settings: IngestSettings, file_name: str) -> Location:
    if file_name in settings.files:
        return Location(settings.files[file_name].uri)
    place = Location(settings.source)
    if place.names_one_object and not place.name.lower().endswith(".zip") and not _is_folder(place):
        raise UnusableSource(place.shown, "it is one file", "a folder or a zip of all raw files")
    return place


def _is_folder(place: Location) -> bool:
    return place.kind == LOCAL and place.path.is_dir()


def _refuse_missing(places: Mapping[str, Location], missing: list[str]) -> None:
    if not missing:
        return
    place = places[missing[0]]
    at_place = [name for name in missing if places[name] == place]
    tried = ", ".join(candidate.name for candidate in candidates(place, at_place[0]))
    raise NotAtSource(at_place, place.shown, tried)


def acquire(
    deliveries: Sequence[Delivery],
    stage: Staging,
    workers: int,
    progress: Progress,
    check: Callable[[RawFile], None],
) -> list[RawFile]:
    """Bring every file to this machine and check it; the first failure stops the others.

    A CSV file that lies in the target already is left there, and only digested and checked.
    """
    to_write = sum(_bytes_to_write(delivery, stage) for delivery in deliveries)
    stage.require_space(to_write - stage.downloaded_bytes())
    stop = threading.Event()

    def take(delivery: Delivery) -> list[RawFile]:
        origin = delivery.origin
        watch = _bar(progress, origin, stop)
        path = origin.materialise(_download_folder(stage, origin), watch)
        files = []
        for name in delivery.file_names:
            if name in delivery.optional and not holds(path, origin.location.shown, name):
                continue
            file = _unpacked(path, name, origin.location, stage, watch)
            check(file)
            files.append(file)
        return files

    with ThreadPoolExecutor(workers) as pool:
        takes = [pool.submit(take, delivery) for delivery in deliveries]
        try:
            wait(takes, return_when=FIRST_EXCEPTION)
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)
    return _results(takes)


def _results(takes: Sequence[Future[list[RawFile]]]) -> list[RawFile]:
    failures = [take.exception() for take in takes if not take.cancelled()]
    for failure in failures:
        if failure is not None and not isinstance(failure, Stopped):
            raise failure
    return [file for take in takes for file in take.result()]


def _bar(progress: Progress, origin: SourceObject, stop: threading.Event) -> Watch:
    """A progress bar in megabytes, which also passes the word that another file failed."""
    size = origin.size
    name = origin.location.name
    task = progress.add_task(f"{name} (MB)", total=None if size is None else size // _MEGABYTE)

    def watch(done_bytes: int) -> None:
        if stop.is_set():
            raise Stopped
        progress.update(task, completed=done_bytes // _MEGABYTE)

    return watch


def _download_folder(stage: Staging, origin: SourceObject) -> Path:
    """A folder of its own for each object: two sources may use one name for different files."""
    address = origin.location.uri.encode()
    folder = stage.downloads / hashlib.sha256(address).hexdigest()[:16]
    folder.mkdir(exist_ok=True)
    return folder


def _unpacked(path: Path, name: str, location: Location, stage: Staging, watch: Watch) -> RawFile:
    is_csv = path.suffix.lower() == ".csv"
    if is_csv and (path.is_relative_to(stage.folder) or _in_place(path, stage.target / name)):
        return RawFile(name, path, location, digest(path, watch))
    stage.require_space(unpacked_bytes(path, location.shown, name) or 0)
    target = stage.folder / name
    return RawFile(name, target, location, unpack(path, location.shown, name, target, watch))


def _in_place(path: Path, target: Path) -> bool:
    return target.exists() and path.samefile(target)


def _bytes_to_write(delivery: Delivery, stage: Staging) -> int:
    """What is known of a delivery's size before it starts."""
    origin = delivery.origin
    if origin.location.kind == SYNTHETIC:
        return 0
    if origin.location.kind != LOCAL:
        return origin.size or 0
    path = origin.location.path
    to_write = [name for name in delivery.file_names if not _in_place(path, stage.target / name)]
    return sum(unpacked_bytes(path, origin.location.shown, name) or 0 for name in to_write)
