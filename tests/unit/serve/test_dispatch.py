"""The lanes and what waits before them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import pytest

from creditrisk.observability.metrics import ServiceMetrics
from creditrisk.serve.dispatch import (
    LARGE_BYTES,
    Answered,
    Answering,
    AnswerTooLate,
    Dispatcher,
    Order,
    Work,
    settle,
)
from creditrisk.serve.problems import NotReady, Overloaded

ORDER = Order("r-1", "local", datetime(2026, 1, 1, tzinfo=UTC))
KEY = b'"SK_ID_CURR"'


def answered(work: Work) -> Answered:
    return Answered(200, work.body, 1, "1", "0" * 64)


def echo(batch: Sequence[Work]) -> None:
    """Answer each request with its own body."""
    settle([(work, answered(work)) for work in batch])


def dispatcher(answering: Callable[[], Answering], seconds: float = 10) -> Dispatcher:
    return Dispatcher(answering, ServiceMetrics(), 10, 5, seconds)


def run(answer: Answering, bodies: Sequence[bytes], seconds: float = 10) -> list[object]:
    """What so many requests at once are answered."""

    async def ask() -> list[object]:
        door = dispatcher(lambda: answer, seconds)
        await door.start()
        try:
            waits = (door.answer(ORDER, body) for body in bodies)
            return await asyncio.gather(*waits, return_exceptions=True)
        finally:
            await door.close()

    return asyncio.run(ask())


def test_each_request_gets_its_own_answer() -> None:
    """Answers do not depend on who else waits."""
    bodies = [str(number).encode() for number in range(8)]
    assert [one.body for one in run(echo, bodies) if isinstance(one, Answered)] == bodies


def test_what_waits_is_answered_together() -> None:
    """While a batch is on its way, the next ones gather."""
    sizes: list[int] = []

    def slow(batch: Sequence[Work]) -> None:
        sizes.append(len(batch))
        threading.Event().wait(0.2)
        echo(batch)

    run(slow, [b"x"] * 6)
    assert sum(sizes) == 6
    assert max(sizes) > 1


def test_large_requests_have_a_lane_of_their_own() -> None:
    """A small request does not wait for a large one that came before it."""
    gate = threading.Event()
    order: list[int] = []

    def answer(batch: Sequence[Work]) -> None:
        if len(batch[0].body) > LARGE_BYTES:
            gate.wait(10)
        else:
            gate.set()
        order.append(len(batch[0].body))
        echo(batch)

    run(answer, [b"x" * (LARGE_BYTES + 1), b"x"])
    assert order == [1, LARGE_BYTES + 1]


def test_past_the_bound_a_request_is_turned_away() -> None:
    """Of requests with four records each, a queue of ten holds two."""
    answers = run(echo, [KEY * 4] * 4)
    assert [type(one) for one in answers] == [Answered, Answered, Overloaded, Overloaded]


def test_a_request_larger_than_the_queue_is_taken_when_nothing_waits() -> None:
    """Otherwise it could never be answered."""
    assert isinstance(run(echo, [KEY * 50])[0], Answered)


def test_an_answer_that_takes_too_long_is_given_up() -> None:
    """The caller is told; the lane goes on."""
    calls: list[int] = []

    def answer(batch: Sequence[Work]) -> None:
        calls.append(len(batch))

    assert isinstance(run(answer, [b"x"], seconds=0.1)[0], AnswerTooLate)
    assert calls == [1]


def test_a_lane_that_cannot_begin_stops_the_start() -> None:
    """A worker that could not score says so before it is ready."""

    def broken() -> Answering:
        raise OSError("no database")

    with pytest.raises(OSError, match="no database"):
        asyncio.run(dispatcher(broken).start())


def test_after_the_end_nothing_is_taken() -> None:
    """A closed dispatcher refuses, and says why it is not ready."""

    async def ask() -> str | None:
        door = dispatcher(lambda: echo)
        await door.start()
        await door.close()
        with pytest.raises(NotReady):
            await door.answer(ORDER, b"x")
        return door.missing

    assert asyncio.run(ask()) == "requests are answered no more"
