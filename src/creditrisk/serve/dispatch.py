"""Brings requests to the threads that score, and their answers back to the event loop.

Two lanes, each one thread: small requests are taken together, everything that waits at once; a large
one has the other lane to itself, so that seconds of work delay no small request by more than the
interpreter's switch interval. docs/decisions/0020-serving.md holds the measurements.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from creditrisk.serve.bodies import estimated_records
from creditrisk.serve.problems import NotReady, Overloaded, Problem

if TYPE_CHECKING:
    from creditrisk.observability.metrics import ServiceMetrics

LARGE_BYTES = 262_144
ANSWER_SECONDS = 60.0
_LARGEST_BATCH = 64
_CLOSE_SECONDS = 60.0
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Order:
    """Who asks, and what he may ask for."""

    request_id: str
    caller: str
    received_at: datetime
    scopes: Sequence[str] = ()
    may_override: bool = False
    only_validate: bool = False


@dataclass(frozen=True, slots=True)
class Answered:
    """What a request is answered with, once its decisions are durable."""

    status: int
    body: bytes
    records: int | None
    model_version: str | None
    bundle_sha256: str


@dataclass(eq=False, slots=True)
class Work:
    """A request that waits for its answer."""

    order: Order
    body: bytes
    future: asyncio.Future[Answered]

    @property
    def is_wanted(self) -> bool:
        """Whether anybody still waits."""
        return not self.future.done()


Outcome = Answered | Exception
Answering = Callable[[Sequence[Work]], None]


class AnswerTooLate(Problem):
    """The answer took longer than a caller is made to wait."""

    def __init__(self, seconds: float) -> None:
        super().__init__(
            503,
            "answer-too-late",
            "The answer took too long",
            f"No answer within {seconds:g} s. A decision that was made all the same is in the "
            "ledger under this request_id.",
            headers={"Retry-After": "5"},
        )


class Lane(threading.Thread):
    """A thread that answers what is put before it, as many requests at once as wait."""

    def __init__(self, name: str, answering: Callable[[], Answering], largest_batch: int) -> None:
        super().__init__(name=f"score-{name}", daemon=True)
        self._prepare = answering
        self._largest_batch = largest_batch
        self._waiting: deque[Work] = deque()
        self._change = threading.Condition(threading.Lock())
        self._closing = False
        self._ready: Future[None] = Future()

    def wait_until_ready(self) -> None:
        """Return once the thread can answer; raises what keeps it from that."""
        self._ready.result()

    def put(self, work: Work) -> None:
        """Add a request to those that wait."""
        with self._change:
            self._waiting.append(work)
            self._change.notify()

    def close(self) -> None:
        """Let the thread end once nothing waits any more."""
        with self._change:
            self._closing = True
            self._change.notify()

    def run(self) -> None:
        """Answer until closed."""
        try:
            answer = self._prepare()
        except BaseException as error:  # noqa: BLE001 - raised where the start waits for it
            self._ready.set_exception(error)
            return
        self._ready.set_result(None)
        while batch := self._next_batch():
            answer(batch)
            del batch  # or it would be held until the next request comes

    def _next_batch(self) -> list[Work]:
        with self._change:
            while not self._waiting and not self._closing:
                self._change.wait()
            count = min(len(self._waiting), self._largest_batch)
            return [self._waiting.popleft() for _ in range(count)]


class Dispatcher:
    """The door to the lanes: bounds what waits, and waits for the answers.

    `answering` is called once in each lane's own thread and gives what answers there.
    """

    def __init__(
        self,
        answering: Callable[[], Answering],
        metrics: ServiceMetrics,
        queue_records: int,
        max_records: int,
        answer_seconds: float = ANSWER_SECONDS,
    ) -> None:
        self._small = Lane("small", answering, _LARGEST_BATCH)
        self._large = Lane("large", answering, 1)
        self._metrics = metrics
        self._queue_records = queue_records
        self._max_records = max_records
        self._answer_seconds = answer_seconds
        self._waiting = 0
        self._closed = False

    @property
    def waiting(self) -> int:
        """How many records wait for their answer, as estimated."""
        return self._waiting

    @property
    def missing(self) -> str | None:
        """Why nothing can be answered now, if so."""
        if not self._answers:
            return "requests are answered no more"
        return "the queue is full" if self._waiting >= self._queue_records else None

    @property
    def _answers(self) -> bool:
        return not self._closed and self._small.is_alive() and self._large.is_alive()

    async def start(self) -> None:
        """Start the lanes; raises what keeps one from answering."""
        for lane in (self._small, self._large):
            lane.start()
        for lane in (self._small, self._large):
            await asyncio.to_thread(lane.wait_until_ready)

    async def answer(self, order: Order, body: bytes) -> Answered:
        """Have a request answered.

        Raises:
            Overloaded: too many records wait already.
            AnswerTooLate: it took too long; what has not been begun then is not begun.
            Problem: whatever the answer is instead.
        """
        records = self._admitted(body)
        work = Work(order, body, asyncio.get_running_loop().create_future())
        self._count(records)
        try:
            (self._large if len(body) > LARGE_BYTES else self._small).put(work)
            async with asyncio.timeout(self._answer_seconds):
                return await work.future
        except TimeoutError:
            raise AnswerTooLate(self._answer_seconds) from None
        finally:
            self._count(-records)

    def _admitted(self, body: bytes) -> int:
        if not self._answers:
            raise NotReady({"queue": "requests are answered no more"})
        records = estimated_records(body, self._max_records)
        if self._waiting and self._waiting + records > self._queue_records:
            raise Overloaded(f"{self._waiting:,} records wait, at most {self._queue_records:,} may")
        return records

    def _count(self, records: int) -> None:
        self._waiting += records
        self._metrics.queue.set(self._waiting)

    async def close(self) -> None:
        """Answer what was accepted, then end the threads."""
        self._closed = True
        for lane in (self._small, self._large):
            lane.close()
            await asyncio.to_thread(lane.join, _CLOSE_SECONDS)
            if lane.is_alive():
                _LOG.error("a scoring thread did not end", extra={"fields": {"lane": lane.name}})


def settle(outcomes: Sequence[tuple[Work, Outcome]]) -> None:
    """Give each request its outcome, from any thread, with one call into the event loop."""
    if outcomes:
        loop = outcomes[0][0].future.get_loop()
        try:
            loop.call_soon_threadsafe(_settle, outcomes)
        except RuntimeError:  # the loop is closed, so nobody waits
            _LOG.warning("answers came after the end", extra={"fields": {"count": len(outcomes)}})


def _settle(outcomes: Sequence[tuple[Work, Outcome]]) -> None:
    for work, outcome in outcomes:
        if work.future.done():
            continue
        if isinstance(outcome, Exception):
            work.future.set_exception(outcome)
        else:
            work.future.set_result(outcome)
