"""When Python's collector runs."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Iterator

import pytest

from creditrisk.serve import memory


class Ring:
    """An object that only the collector frees."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture
def by_hand(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The collector off, as in a server; on again afterwards."""
    monkeypatch.setattr(memory, "COLLECT_SECONDS", 0.01)
    memory.collect_by_hand()
    yield
    gc.unfreeze()
    gc.enable()


def is_freed(*, quiet: bool) -> bool:
    """Whether a ring is gone after some rounds."""

    async def rounds() -> bool:
        ring = weakref.ref(Ring())
        task = asyncio.create_task(memory.collect_in_quiet(lambda: quiet))
        await asyncio.sleep(0.1)
        task.cancel()
        return ring() is None

    return asyncio.run(rounds())


@pytest.mark.usefixtures("by_hand")
def test_what_hangs_in_a_ring_is_freed_in_quiet() -> None:
    """The collector is off, and memory still does not grow."""
    assert is_freed(quiet=True)


@pytest.mark.usefixtures("by_hand")
def test_nothing_is_collected_while_something_large_is_under_way() -> None:
    """Nobody waits for the collector then."""
    assert not is_freed(quiet=False)
