"""Reading, scoring and writing at the same time, in order and with a bounded number of chunks."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Self, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_END = object()


def ahead(items: Iterable[Item], depth: int) -> Generator[Item]:
    """The same items, of which a thread fetches so many before they are asked for."""
    iterator = iter(items)
    pending: deque[Future[Item | object]] = deque()
    with ThreadPoolExecutor(1, thread_name_prefix="batch-read") as pool:
        try:
            pending.extend(pool.submit(next, iterator, _END) for _ in range(depth))
            while (item := pending.popleft().result()) is not _END:
                pending.append(pool.submit(next, iterator, _END))
                yield item  # type: ignore[misc]  # not the end
        finally:
            _cancel(pending)


def mapped(
    function: Callable[[Item], Result], items: Iterable[Item], workers: int
) -> Generator[Result]:
    """What a function makes of each item, in the items' order, on so many threads."""
    pending: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="batch-score") as pool:
        try:
            for item in items:
                pending.append(pool.submit(function, item))
                if len(pending) > workers:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            _cancel(pending)


def _cancel(pending: Iterable[Future[Result]]) -> None:
    for future in pending:
        future.cancel()


class Behind:
    """Calls a function on a thread of its own, one call after another, at most `depth` late.

    What a call raises is raised by a later one, or by `finish`.
    """

    def __init__(self, depth: int) -> None:
        self._depth = depth
        self._pending: deque[Future[None]] = deque()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="batch-write")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def call(self, function: Callable[[Item], None], item: Item) -> None:
        """Have it called; waits while too many calls are due."""
        while len(self._pending) >= self._depth:
            self._pending.popleft().result()
        self._pending.append(self._pool.submit(function, item))

    def finish(self) -> None:
        """Wait until everything was called."""
        while self._pending:
            self._pending.popleft().result()
