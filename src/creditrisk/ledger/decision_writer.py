"""Group commit: one thread records what all callers wait for, with one flush for all of them."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from creditrisk.ledger.decision_chain import Draft
from creditrisk.ledger.decision_entries import NewDecision
from creditrisk.ledger.decision_recorder import DecisionRecorder
from creditrisk.ledger.errors import (
    DecisionConflict,
    LedgerBacklogged,
    LedgerError,
    LedgerUnavailable,
)

_MOST_WAITING_BYTES = 128 << 20
_MOST_GROUP_BYTES = 16 << 20
_MOST_GROUP_RECORDS = 2_000
_LARGE_BYTES = 1 << 20
_LARGE_RECORDS = 200
_CLOSE_SECONDS = 30.0
_JUST_SECONDS = 1.0
_RECENT_SECONDS = 5.0


@dataclass(slots=True)
class _Submission:
    drafts: Sequence[Draft]
    size: int
    future: Future[None]

    @property
    def is_large(self) -> bool:
        """Whether it takes so long to record that nobody should share its transaction."""
        return len(self.drafts) >= _LARGE_RECORDS or self.size >= _LARGE_BYTES


class DecisionWriter:
    """Takes submissions from any thread; its own thread records them in groups.

    Contents are hashed and packed in the thread that submits them: a thousand of them take 0.3 s,
    which nobody else has to wait for.
    """

    def __init__(self, recorder: DecisionRecorder, shown_url: str) -> None:
        self.waiting_records = 0
        self.waiting_bytes = 0
        self._recorder = recorder
        self._shown_url = shown_url
        self._queue: SimpleQueue[_Submission | None] = SimpleQueue()
        self._next: _Submission | None = None
        self._lock = threading.Lock()
        self._closed = False
        self._recorded_at = -math.inf
        self._failure: tuple[float, str] = (-math.inf, "")
        self._thread: threading.Thread | None = None

    @property
    def has_just_recorded(self) -> bool:
        """Whether the last transaction went well, within the last second."""
        return self._recorded_at > max(self._failure[0], time.monotonic() - _JUST_SECONDS)

    @property
    def recent_failure(self) -> str | None:
        """What kept the last transaction from being recorded, unless that is some seconds ago."""
        at, problem = self._failure
        return problem if at > max(self._recorded_at, time.monotonic() - _RECENT_SECONDS) else None

    def submit(self, decisions: Sequence[NewDecision]) -> Future[None]:
        """Let decisions be recorded; the future resolves once all of them are durable."""
        future: Future[None] = Future()
        refusal = self._refusal()
        if refusal is not None:
            future.set_exception(refusal)
            return future
        size = sum(len(decision.content) for decision in decisions)
        submission = _Submission([Draft.of(new) for new in decisions], size, future)
        with self._lock:
            refusal = self._refusal()
            if refusal is None:
                self.waiting_records += len(decisions)
                self.waiting_bytes += size
                self._start()
                self._queue.put(submission)
        if refusal is not None:
            future.set_exception(refusal)
        return future

    def close(self) -> None:
        """Record what waits and end the thread; what then still waits is told that it failed."""
        with self._lock:
            self._closed = True
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join(_CLOSE_SECONDS)

    def _refusal(self) -> LedgerError | None:
        if self._closed:
            return LedgerUnavailable(self._shown_url, "it is closed")
        if self.waiting_bytes > _MOST_WAITING_BYTES:
            return LedgerBacklogged(self.waiting_bytes, _MOST_WAITING_BYTES)
        return None

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="decision-writer", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        more = True
        while more:
            group, more = self._next_group()
            if group:
                self._record(group)
        self._recorder.close()

    def _next_group(self) -> tuple[list[_Submission], bool]:
        """All that waits, at most what one transaction takes; whether there may be more.

        A large submission has a transaction to itself, so that what came before it need not wait.
        """
        submission, self._next = self._next or self._queue.get(), None
        group: list[_Submission] = []
        records = size = 0
        while submission is not None:
            if submission.is_large and group:
                self._next = submission
                return group, True
            group.append(submission)
            records += len(submission.drafts)
            size += submission.size
            if submission.is_large:
                return group, True
            if records >= _MOST_GROUP_RECORDS or size >= _MOST_GROUP_BYTES:
                return group, True
            try:
                submission = self._queue.get_nowait()
            except Empty:
                return group, True
        return group, False

    def _record(self, group: list[_Submission]) -> None:
        try:
            drafts = [submission.drafts for submission in group]
            outcomes: Sequence[Exception | None] = self._recorder.record(drafts)
        except Exception as error:  # noqa: BLE001  # whatever it is, callers wait for an answer
            outcomes = [error] * len(group)
        self._note(outcomes)
        with self._lock:
            self.waiting_records -= sum(len(submission.drafts) for submission in group)
            self.waiting_bytes -= sum(submission.size for submission in group)
        for submission, outcome in zip(group, outcomes, strict=True):
            _resolve(submission.future, outcome)

    def _note(self, outcomes: Sequence[Exception | None]) -> None:
        if any(outcome is None for outcome in outcomes):
            self._recorded_at = time.monotonic()
        failure = next((o for o in outcomes if o and not isinstance(o, DecisionConflict)), None)
        if failure:
            self._failure = (time.monotonic(), str(failure))


def _resolve(future: Future[None], outcome: Exception | None) -> None:
    if not future.set_running_or_notify_cancel():
        return  # the caller has gone; what was recorded stands
    if outcome is None:
        future.set_result(None)
    else:
        future.set_exception(outcome)
