"""What a source says of a raw file now: since when it is what it is, and how large."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from pathlib import Path
from typing import Any

from creditrisk.core.errors import CreditRiskError
from creditrisk.data.sources.archives import unpacked_bytes
from creditrisk.data.sources.connectors import open_source
from creditrisk.data.sources.errors import NotAtSource
from creditrisk.data.sources.location import LOCAL, Location
from creditrisk.data.sources.source import SourceObject
from creditrisk.data.sources.transfer import RemoteObject, RetryPolicy, with_retries

# Names of a time of change: S3, Azure, Google, SFTP and local, FTP.
_TIMES = ("LastModified", "last_modified", "updated", "mtime", "modify")


class CannotSay(CreditRiskError):
    """A source does not tell when an object changed."""

    def __init__(self, shown: str, reason: str) -> None:
        super().__init__(f"{shown} does not say when it changed: {reason}")


@dataclass(frozen=True, slots=True)
class SourceState:
    """One object at a source.

    `csv_bytes` is None where only unpacking can tell; `path` is set where the object is a CSV file
    of this machine, whose content can be compared.
    """

    shown: str
    modified_at: datetime
    csv_bytes: int | None
    path: Path | None = None


def state_at_source(
    place: Location, file_name: str, policy: RetryPolicy, copies: Path
) -> SourceState:
    """Ask a source about one raw file.

    Args:
        place: a folder, an archive or the file itself.
        file_name: the raw file.
        policy: how patiently to ask.
        copies: the pipeline's own folder of raw files, whose times are those of a checkout.

    Raises:
        CannotSay: it holds the file, but not since when.
        CreditRiskError: it does not hold it, refuses, or cannot be reached.
    """
    found = open_source(place, policy).find(file_name)
    if found is None:
        raise NotAtSource([file_name], place.shown, file_name)
    if found.location.kind == LOCAL:
        return _local(found, file_name, copies)
    if not isinstance(found, RemoteObject):
        raise CannotSay(found.location.shown, f"{found.location.kind} gives no time of change")
    return _remote(found, policy)


def _local(found: SourceObject, file_name: str, copies: Path) -> SourceState:
    place = found.location
    path = place.path
    if path.resolve().is_relative_to(copies.resolve()):
        raise CannotSay(place.shown, "it is the pipeline's own copy, dated by its last checkout")
    if (tracked := _dvc_file(path)) is not None:
        raise CannotSay(place.shown, f"{tracked.name} tracks it, so that a checkout dates it anew")
    is_csv = path.suffix.lower() == ".csv"
    moment = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    bytes_ = unpacked_bytes(path, place.shown, file_name)
    return SourceState(place.shown, moment, bytes_, path if is_csv else None)


def _dvc_file(path: Path) -> Path | None:
    """The file by which DVC tracks a path or a folder that it lies in."""
    places = (path.absolute(), *path.absolute().parents)
    named = (place.with_name(f"{place.name}.dvc") for place in places if place.name)
    return next((file for file in named if file.is_file()), None)


def _remote(found: RemoteObject, policy: RetryPolicy) -> SourceState:
    place = found.location
    if place.kind == "dvc":
        raise CannotSay(place.shown, "DVC tells content, and a checkout's times")
    info = with_retries(place, policy, partial(_info, found))
    moment = next(filter(None, map(_moment, _times(info))), None)
    if moment is None:
        raise CannotSay(place.shown, "its answer holds no time of change")
    is_csv = place.name.lower().endswith(".csv")
    return SourceState(place.shown, moment, found.size if is_csv else None)


def _info(found: RemoteObject) -> Mapping[str, Any]:
    """What the file system tells of the object now."""
    version: Any = found.look()
    filesystem = version.filesystem
    where = getattr(version, "path", None) or version.url
    info: dict[str, Any] = dict(filesystem.info(where))
    if not any(map(_moment, _times(info))):
        try:
            info["modify"] = filesystem.modified(where)
        except NotImplementedError:
            info.pop("modify", None)
    return info


def _times(info: Mapping[str, Any]) -> list[Any]:
    return [info.get("Last-Modified"), *(info.get(name) for name in _TIMES)]


def _moment(value: Any) -> datetime | None:
    """A time as file systems write it: an object, seconds, ISO 8601, or as in HTTP."""
    try:
        if isinstance(value, datetime):
            moment = value
        elif isinstance(value, int | float) and math.isfinite(value):
            moment = datetime.fromtimestamp(value, UTC)
        elif isinstance(value, str):
            moment = _written(value)
        else:
            return None
    except (ValueError, OverflowError, OSError):
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _written(value: str) -> datetime:
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return parsedate_to_datetime(value)
