"""Bodies within their bounds."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest
from starlette.datastructures import Headers

from creditrisk.serve.bodies import BodyReader, BodyTooSlow, estimated_records
from creditrisk.serve.middleware import ClientGone
from creditrisk.serve.problems import BodyTooLarge, Overloaded, UnsupportedBody

JSON = {"content-type": "application/json; charset=utf-8"}


def received(chunks: Iterable[bytes | None]) -> Any:
    """An ASGI `receive` of these chunks; None is a client that goes away, the end is silence."""
    waiting = list(chunks)

    async def receive() -> dict[str, Any]:
        if not waiting:
            await asyncio.Event().wait()
        chunk = waiting.pop(0)
        if chunk is None:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": chunk, "more_body": bool(chunk)}

    return receive


async def read(reader: BodyReader, chunks: Iterable[bytes | None], **headers: str) -> bytes:
    async with reader.body(Headers({**JSON, **headers}), received(chunks)) as body:
        return body


def test_chunks_become_one_body() -> None:
    """A body comes in as many pieces as the client likes."""
    assert asyncio.run(read(BodyReader(10), [b"ab", b"cd", b""])) == b"abcd"


@pytest.mark.parametrize("length", ["11", "9" * 30])
def test_a_length_beyond_the_bound_is_refused_unread(length: str) -> None:
    """The header alone refuses; nothing is awaited."""
    with pytest.raises(BodyTooLarge):
        asyncio.run(read(BodyReader(10), [], **{"content-length": length}))


def test_a_body_that_grows_beyond_the_bound_is_refused() -> None:
    """A header that lies, or says nothing, changes nothing."""
    with pytest.raises(BodyTooLarge):
        asyncio.run(read(BodyReader(10), [b"x" * 6, b"x" * 6, b""]))


def test_a_body_that_does_not_arrive_is_given_up() -> None:
    """Whoever holds back the rest is told so after a while."""
    with pytest.raises(BodyTooSlow):
        asyncio.run(read(BodyReader(10, read_seconds=0.05), [b"ab"]))


def test_a_client_that_goes_away_is_noticed() -> None:
    """Half a body is no body."""
    with pytest.raises(ClientGone):
        asyncio.run(read(BodyReader(10), [b"ab", None]))


@pytest.mark.parametrize("media", ["text/plain", "", "application/jsonp", "multipart/form-data"])
def test_other_media_types_are_refused(media: str) -> None:
    """Only JSON is read."""
    with pytest.raises(UnsupportedBody):
        asyncio.run(read(BodyReader(10), [b""], **{"content-type": media}))


def test_all_bodies_together_have_a_bound_and_are_let_go() -> None:
    """What is held for others counts; once they are answered, there is room again."""
    reader = BodyReader(10)

    async def crowd() -> bytes:
        full = [b"x" * 9, b""]
        async with (
            reader.body(Headers(JSON), received(full)),
            reader.body(Headers(JSON), received(full)),
        ):
            with pytest.raises(Overloaded):
                await read(reader, full)
        return await read(reader, full)

    assert asyncio.run(crowd()) == b"x" * 9


def test_records_are_estimated_within_bounds() -> None:
    """A body counts for as many records as it names applicants, at least one."""
    assert [estimated_records(b'{"SK_ID_CURR":1}' * count, 5) for count in (0, 3, 9)] == [1, 3, 5]
