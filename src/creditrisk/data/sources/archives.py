"""From what a source delivers (csv, gz, zip) to one checked CSV file, hashed on the way."""

from __future__ import annotations

import gzip
import hashlib
import os
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, cast

from creditrisk.data.sources.errors import DamagedArchive
from creditrisk.data.sources.source import Watch

_CHUNK_BYTES = 1 << 20

_DAMAGED = (
    EOFError,
    NotImplementedError,
    RuntimeError,
    zipfile.BadZipFile,
    gzip.BadGzipFile,
    zlib.error,
)


@dataclass(frozen=True, slots=True)
class Digests:
    """Size and checksums of one file's content."""

    bytes: int
    md5: str
    sha256: str


def holds(path: Path, uri: str, file_name: str) -> bool:
    """Whether a file of this machine can hold that raw file: a zip tells by its list."""
    if path.suffix.lower() != ".zip":
        return True
    with _reading(uri, file_name), zipfile.ZipFile(path) as archive:
        return bool(_members(archive, file_name))


def unpack(path: Path, uri: str, file_name: str, target: Path, watch: Watch) -> Digests:
    """Write the raw file that `path` holds to `target` and digest it in the same pass.

    Raises:
        DamagedArchive: a zip or gz that is truncated, corrupt, encrypted or ambiguous.
    """
    with (
        _reading(uri, file_name),
        _content(path, uri, file_name) as stream,
        target.open("wb") as out,
    ):
        digests = _digest(stream, watch, out)
        out.flush()
        os.fsync(out.fileno())
    return digests


def digest(path: Path, watch: Watch) -> Digests:
    """Size and checksums of a file that stays where it is."""
    with path.open("rb") as stream:
        return _digest(stream, watch, None)


def unpacked_bytes(path: Path, uri: str, file_name: str) -> int | None:
    """The size of the raw file in `path`, None where only unpacking can tell."""
    suffix = path.suffix.lower()
    if suffix == ".gz":
        return None
    if suffix != ".zip":
        return path.stat().st_size
    with _reading(uri, file_name), zipfile.ZipFile(path) as archive:
        return sum(member.file_size for member in _members(archive, file_name))


def _digest(stream: IO[bytes], watch: Watch, out: IO[bytes] | None) -> Digests:
    md5, sha256, done = hashlib.md5(usedforsecurity=False), hashlib.sha256(), 0
    while chunk := stream.read(_CHUNK_BYTES):
        if out is not None:
            out.write(chunk)
        md5.update(chunk)
        sha256.update(chunk)
        done += len(chunk)
        watch(done)
    return Digests(done, md5.hexdigest(), sha256.hexdigest())


@contextmanager
def _content(path: Path, uri: str, file_name: str) -> Iterator[IO[bytes]]:
    suffix = path.suffix.lower()
    if suffix == ".gz":
        with gzip.open(path) as stream:
            yield cast("IO[bytes]", stream)
    elif suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            members = _members(archive, file_name)
            if len(members) != 1:
                raise DamagedArchive(uri, file_name, f"it holds {len(members)} files of that name")
            with archive.open(members[0]) as stream:
                yield stream
    else:
        with path.open("rb") as stream:
            yield stream


def _members(archive: zipfile.ZipFile, file_name: str) -> list[zipfile.ZipInfo]:
    """The archive's files of that name, in whatever folder; paths are never used to write."""
    return [
        member
        for member in archive.infolist()
        if not member.is_dir() and PurePosixPath(member.filename).name == file_name
    ]


@contextmanager
def _reading(uri: str, file_name: str) -> Iterator[None]:
    try:
        yield
    except _DAMAGED as error:
        seen = str(error) or type(error).__name__
        raise DamagedArchive(uri, file_name, seen[0].lower() + seen[1:].rstrip(".")) from error
