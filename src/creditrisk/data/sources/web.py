"""Raw files on a web server: http and https."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

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

_CONNECT_SECONDS = 30
_SILENCE_SECONDS = 60
_PARTIAL_CONTENT = 206
_RANGE_NOT_SATISFIABLE = 416


@dataclass(frozen=True, slots=True)
class WebVersion:
    """What the server holds at an address now."""

    filesystem: Any
    url: str
    size: int | None
    tag: str | None

    def blocks(self, offset: int) -> Iterator[bytes]:
        """One GET request, for a range where some bytes are here already."""
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        if offset and self.tag and not self.tag.startswith("W/"):
            headers["If-Range"] = self.tag
        try:
            # Any size will do: without one fsspec asks for it again.
            stream = self.filesystem.open(self.url, block_size=0, size=1, headers=headers)
        except Exception as error:
            if getattr(error, "status", None) == _RANGE_NOT_SATISFIABLE:
                raise StartOver("the server has no such range") from None
            raise
        with stream:
            if offset and stream.r.status != _PARTIAL_CONTENT:
                raise StartOver("the server sent the whole object instead of a range")
            while block := stream.read(BLOCK_BYTES):
                yield block


class WebSource:
    """A folder of a web server, or one file or archive there."""

    def __init__(self, location: Location, policy: RetryPolicy) -> None:
        self.location = location
        self.policy = policy
        self._filesystem = _filesystem(location.kind)

    def find(self, file_name: str) -> RemoteObject | None:
        """The first address that answers; a server cannot be asked for a list."""
        for candidate in candidates(self.location, file_name):
            version = with_retries(candidate, self.policy, partial(self._look_for, candidate))
            if version is not None:
                look_again = partial(self.look, candidate)
                return RemoteObject(candidate, version.size, look_again, self.policy)
        return None

    def look(self, location: Location) -> WebVersion:
        """What is at an address now."""
        try:
            info = self._filesystem.info(location.uri)
        except FileNotFoundError as error:
            # fsspec says so whatever the server answered, and keeps the answer as the cause.
            raise (error.__cause__ or error) from None
        tag = info.get("ETag") or info.get("Last-Modified")
        return WebVersion(self._filesystem, location.uri, info.get("size"), tag)

    def _look_for(self, location: Location) -> WebVersion | None:
        try:
            return self.look(location)
        except Exception as error:
            if is_absent(error):
                return None
            raise


def _filesystem(scheme: str) -> Any:
    import aiohttp
    import fsspec

    timeout = aiohttp.ClientTimeout(
        total=None, sock_connect=_CONNECT_SECONDS, sock_read=_SILENCE_SECONDS
    )
    # Without "identity" a server may compress on the fly, and ranges no longer fit. Proxies and
    # netrc come from the environment.
    options = {"headers": {"Accept-Encoding": "identity"}, "timeout": timeout, "trust_env": True}
    return fsspec.filesystem(scheme, client_kwargs=options, skip_instance_cache=True)
