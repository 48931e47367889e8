"""Work that overlaps."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from creditrisk.scoring.batch.overlap import Behind, ahead, mapped


def counted(limit: int, started: list[int]) -> Iterator[int]:
    for number in range(limit):
        started.append(number)
        yield number


def test_ahead_keeps_the_order_and_its_bound() -> None:
    """Items come in order, and no more of them wait than were asked for."""
    started: list[int] = []
    seen = []
    for number in ahead(counted(20, started), 2):
        seen.append(number)
        assert len(started) <= number + 4
    assert seen == list(range(20))


def test_mapped_keeps_the_order_however_long_each_takes() -> None:
    """Results come in the order of the items, on any number of threads."""
    first_may_end = threading.Event()

    def double(number: int) -> int:
        if number == 0:
            first_may_end.wait(10)
        if number == 1:
            first_may_end.set()
        return 2 * number

    assert list(mapped(double, range(50), 3)) == list(range(0, 100, 2))


def test_an_error_arrives_at_its_place() -> None:
    """What is before a failing item still comes, what is after it does not."""

    def refuse_five(number: int) -> int:
        if number == 5:
            raise OSError("item 5")
        return number

    results = mapped(refuse_five, range(100), 2)
    assert [next(results) for _ in range(5)] == [0, 1, 2, 3, 4]
    with pytest.raises(OSError, match="item 5"):
        next(results)


def test_a_reader_s_error_is_the_caller_s() -> None:
    """An error of the thread that reads ahead is raised where its item is asked for."""

    def broken() -> Iterator[int]:
        yield 1
        raise OSError("gone")

    items = ahead(broken(), 2)
    assert next(items) == 1
    with pytest.raises(OSError, match="gone"):
        next(items)


def test_calls_behind_come_in_order() -> None:
    """Calls are made one after another; `finish` waits for all."""
    seen: list[int] = []
    with Behind(2) as writer:
        for number in range(50):
            writer.call(seen.append, number)
        writer.finish()
    assert seen == list(range(50))


def test_an_error_behind_is_raised() -> None:
    """What a call raises reaches the caller at the latest when he finishes."""

    def refuse(_: int) -> None:
        raise OSError("disk full")

    with Behind(2) as writer:
        writer.call(refuse, 1)
        with pytest.raises(OSError, match="disk full"):
            writer.finish()
