"""Reads a request's body within its bounds, and none of it where a header already refuses it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from creditrisk.serve.middleware import ClientGone
from creditrisk.serve.problems import BodyTooLarge, Overloaded, Problem, UnsupportedBody

if TYPE_CHECKING:
    from starlette.datastructures import Headers
    from starlette.types import Receive

READ_SECONDS = 30.0
_BODIES_AT_ONCE = 2  # of the largest size
_LONGEST_LENGTH = 18  # digits
_KEY = b'"SK_ID_CURR"'


class BodyTooSlow(Problem):
    """A body that does not arrive."""

    def __init__(self, seconds: float) -> None:
        super().__init__(
            408,
            "body-too-slow",
            "Body too slow",
            f"The body had not arrived after {seconds:g} s.",
            headers={"Connection": "close"},
        )


class BodyReader:
    """Reads bodies for one process; all that it holds at once has a bound, too."""

    def __init__(self, max_body_bytes: int, read_seconds: float = READ_SECONDS) -> None:
        self._most = max_body_bytes
        self._most_held = _BODIES_AT_ONCE * max_body_bytes
        self._seconds = read_seconds
        self._held = 0

    @asynccontextmanager
    async def body(self, headers: Headers, receive: Receive) -> AsyncIterator[bytes]:
        """The whole body, counted as held until the block ends.

        Raises:
            UnsupportedBody: it is no plain JSON by its headers.
            BodyTooLarge: it is longer than this API reads; the rest stays unread.
            BodyTooSlow: it did not arrive in time.
            Overloaded: too much is held already.
            ClientGone: the client went away.
        """
        self._check(headers)
        chunks: list[bytes] = []
        try:
            await self._arrived(chunks, receive)
            yield b"".join(chunks)
        finally:
            self._held -= sum(map(len, chunks))

    async def _arrived(self, chunks: list[bytes], receive: Receive) -> None:
        try:
            async with asyncio.timeout(self._seconds):
                await self._gather(chunks, receive)
        except TimeoutError:
            raise BodyTooSlow(self._seconds) from None

    def _check(self, headers: Headers) -> None:
        media = headers.get("content-type", "")
        if media.partition(";")[0].strip().lower() != "application/json":
            raise UnsupportedBody("Content-Type", media[:80], "application/json")
        encoding = headers.get("content-encoding", "identity")
        if encoding.strip().lower() != "identity":
            raise UnsupportedBody("Content-Encoding", encoding[:80], "identity (none)")
        length = headers.get("content-length", "0")
        if length.isdecimal() and (len(length) > _LONGEST_LENGTH or int(length) > self._most):
            raise BodyTooLarge(self._most)

    async def _gather(self, chunks: list[bytes], receive: Receive) -> None:
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            chunk: bytes = message.get("body", b"")
            size += len(chunk)
            if size > self._most:
                raise BodyTooLarge(self._most)
            if self._held + len(chunk) > self._most_held:
                raise Overloaded(f"{self._held:,} bytes of requests wait")
            self._held += len(chunk)
            chunks.append(chunk)
            if not message.get("more_body", False):
                return


def estimated_records(body: bytes, most: int) -> int:
    """How many records a body holds, without parsing it: at least 1, at most `most`.

    Nested rows may repeat their applicant's key, so that raw applications count for more, as they
    cost more.
    """
    return min(max(1, body.count(_KEY)), most)
