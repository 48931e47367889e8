"""Raw files behind any other fsspec address: s3, gs, az, abfs, ftp, and DVC targets.

Credentials and endpoints come from each service's usual environment variables or from fsspec's own
(`FSSPEC_S3_ENDPOINT_URL`, ...), never from params.yaml.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlsplit

from creditrisk.data.sources.errors import UnusableSource
from creditrisk.data.sources.location import Location
from creditrisk.data.sources.source import candidates
from creditrisk.data.sources.transfer import (
    BLOCK_BYTES,
    RemoteObject,
    RetryPolicy,
    StartOver,
    is_absent,
    with_retries,
)

# What tells versions of one object apart, best first: by S3, Azure, Google, DVC, then by time.
_TAGS = ("ETag", "etag", "md5", "md5Hash", "generation", "LastModified", "last_modified", "mtime")


@dataclass(frozen=True, slots=True)
class CloudVersion:
    """What the store holds under a path now."""

    filesystem: Any
    path: str
    size: int | None
    tag: str | None

    def blocks(self, offset: int) -> Iterator[bytes]:
        """Reads from an offset; ends only if the object is still the same."""
        with self.filesystem.open(self.path, "rb") as stream:
            if offset:
                stream.seek(offset)
            while block := stream.read(BLOCK_BYTES):
                yield block
        if look(self.filesystem, self.path).tag != self.tag:
            raise StartOver("the object changed while it was read")


class CloudSource:
    """A folder (a prefix) of a store, or one file or archive there.

    Raises:
        UnusableSource: no connector for the scheme is installed.
    """

    def __init__(self, location: Location, policy: RetryPolicy) -> None:
        self.location = location
        self.policy = policy
        self._filesystem = _dvc(location) if location.kind == "dvc" else _fsspec(location)

    def open(self, location: Location) -> tuple[Any, str]:
        """The file system, and the path in it."""
        if location.kind == "dvc":
            parts = urlsplit(location.uri)
            return self._filesystem, parts.netloc + parts.path
        return self._filesystem, self._filesystem._strip_protocol(location.uri)  # noqa: SLF001

    def find(self, file_name: str) -> RemoteObject | None:
        """The first object that can hold that raw file."""
        for candidate in candidates(self.location, file_name):
            version = with_retries(candidate, self.policy, partial(self._look_for, candidate))
            if version is not None:
                look_again = partial(look, *self.open(candidate))
                return RemoteObject(candidate, version.size, look_again, self.policy)
        return None

    def _look_for(self, location: Location) -> CloudVersion | None:
        try:
            return look(*self.open(location))
        except Exception as error:
            if is_absent(error):
                return None
            raise


def look(filesystem: Any, path: str) -> CloudVersion:
    """What is under a path now, not what an earlier listing said."""
    filesystem.invalidate_cache()
    info = filesystem.info(path)
    if info.get("type") == "directory":
        raise FileNotFoundError(path)
    return CloudVersion(filesystem, path, info.get("size"), _tag(info))


def _tag(info: Mapping[str, Any]) -> str | None:
    return next((str(info[name]) for name in _TAGS if info.get(name)), None)


def _fsspec(location: Location) -> Any:
    from fsspec.core import url_to_fs

    try:
        filesystem, _ = url_to_fs(location.uri, skip_instance_cache=True, use_listings_cache=False)
    except (ImportError, ValueError) as error:
        raise UnusableSource(
            location.shown,
            location.scrub(str(error)),
            "a scheme that fsspec knows, with its package installed (see the extras of creditrisk)",
        ) from None
    return filesystem


def _dvc(location: Location) -> Any:
    """The files of a DVC project: `dvc://PATH`, `dvc://PATH?repo=URL&rev=REVISION`."""
    from dvc.api import DVCFileSystem
    from dvc.exceptions import DvcException
    from dvc.repo import Repo
    from dvc.scm import SCMError  # not a DvcException

    query = parse_qs(urlsplit(location.uri).query)
    repository, revision = query.get("repo", [None])[0], query.get("rev", [None])[0]
    try:
        if repository is None:
            Repo.find_root()
        return DVCFileSystem(url=repository, rev=revision)
    except (DvcException, SCMError) as error:
        raise UnusableSource(
            location.shown, location.scrub(str(error)), "a path in a DVC project"
        ) from None
