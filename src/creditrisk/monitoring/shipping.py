"""Brings what the decision ledger holds to MLflow: each entry once, through crashes and outages.

Requests are taken by windows of the time they were recorded at. A quiet window gives a run a
request, a busy one a run of its own. docs/decisions/0022-served-models-and-traces.md argues it.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from creditrisk.core.errors import CreditRiskError
from creditrisk.core.report import Report
from creditrisk.ledger import DecisionLedger, StoredDecision
from creditrisk.ledger.errors import DamagedDecision
from creditrisk.mlops.inference import (
    Delivered,
    InferenceRun,
    InferenceStore,
    RequestSummary,
    inference_run,
)
from creditrisk.monitoring.recorded_requests import recorded_requests

_ENTRIES_A_PAGE = 500
_UNREADABLE = b""
# A commit that is under way when a window ends gets its place in the chain within this time.
_GRACE_SECONDS = 2.0


class AnotherShipper(CreditRiskError):
    """Two processes would deliver the same entries twice."""

    def __init__(self, cursor: Path) -> None:
        super().__init__(f"{cursor} is in use: another process ships this ledger already.")


class ForeignRecords(CreditRiskError):
    """MLflow, or the cursor, holds records of entries that this ledger does not have."""

    def __init__(self, delivered: Delivered, source: str) -> None:
        super().__init__(
            f"Nothing shipped: {source} says that the ledger was delivered up to entry "
            f"{delivered.sequence} with hash {delivered.sha256[:12]}; this ledger has no such "
            "entry. Is it an older copy? creditrisk ledger verify tells."
        )


class Cursor(Report):
    """Up to which entry a ledger was delivered; `ledger_id` is the hash that its chain begins with."""

    ledger_id: str
    sequence: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Up to `runs_per_second` requests get a run each; above, a window of them gets one."""

    runs_per_second: float = 2.0
    window_seconds: float = 10.0


@dataclass(frozen=True, slots=True)
class Window:
    """The requests that were recorded in one stretch of time, and the entry that it ends with."""

    requests: tuple[RequestSummary, ...]
    end: Delivered


class Shipper:
    """Delivers a ledger. `ship` may raise at any point and be called again."""

    def __init__(
        self, ledger: DecisionLedger, experiment: str, cursor: Path, rhythm: Rhythm
    ) -> None:
        self._ledger = ledger
        self._experiment = experiment
        self._cursor_path = cursor
        self._rhythm = rhythm
        self._store: InferenceStore | None = None
        self._ledger_id = ""
        self._at = Delivered(0, "")

    def ship(self, now: float, *, everything: bool = False) -> int:
        """Deliver what is due: all windows that have ended, or everything that is there.

        Returns:
            How many runs were written.

        Raises:
            TrackingUnavailable, LedgerUnavailable: later, with the next call.
            ForeignRecords, UnreadableReport: a person must look.
        """
        if self._store is None and not self._resume():
            return 0
        store = cast("InferenceStore", self._store)
        self._store = None  # until all has gone well, what stands in MLflow is not known
        written = 0
        for window in self._windows(now, everything=everything):
            for run in self._runs(window):
                store.deliver(run)
                self._move(Delivered(run.last, run.sha256))
                written += 1
            self._move(window.end)
        self._store = store
        return written

    def _resume(self) -> bool:
        """Find out up to where everything was delivered; false where the ledger is empty."""
        first = self._ledger.after(0, 1, contents=False)
        if not first:
            return False
        self._ledger_id = first[0].previous_sha256
        store = InferenceStore(self._experiment, self._ledger_id)
        places = [(self._known(), str(self._cursor_path)), (store.resume(), "MLflow")]
        found = [(place, source) for place, source in places if place]
        for place, source in found:
            self._require(place, source)
        self._at = max((place for place, _ in found), key=lambda at: at.sequence, default=self._at)
        self._store = store
        return True

    def _known(self) -> Delivered | None:
        """Where the cursor of this ledger stands."""
        if not self._cursor_path.exists():
            return None
        cursor = Cursor.read(self._cursor_path)
        if cursor.ledger_id != self._ledger_id:
            return None
        return Delivered(cursor.sequence, cursor.sha256)

    def _require(self, place: Delivered, source: str) -> None:
        entries = self._ledger.after(place.sequence - 1, 1, contents=False)
        if [(entry.sequence, entry.sha256) for entry in entries] != [
            (place.sequence, place.sha256)
        ]:
            raise ForeignRecords(place, source)

    def _move(self, place: Delivered) -> None:
        self._at = place
        cursor = Cursor(ledger_id=self._ledger_id, sequence=place.sequence, sha256=place.sha256)
        cursor.write(self._cursor_path)

    def _windows(self, now: float, *, everything: bool) -> Iterator[Window]:
        """The windows that have ended, each whole."""
        seconds = self._rhythm.window_seconds
        number, requests, end = -1, list[RequestSummary](), self._at
        # A request's entries are committed together: the last one read is whole, too.
        for request, last in recorded_requests(self._entries()):
            if request is not None:
                # Times of a clock that is far ahead end no window, nor do they keep one open.
                ahead = request.recorded_at > now + seconds
                own = number if ahead else int(request.recorded_at // seconds)
                if requests and own > number:
                    yield Window(tuple(requests), end)
                    requests = []
                number = max(number, own)
                requests.append(request)
            end = Delivered(last.sequence, last.sha256)
        if requests and (everything or now >= (number + 1) * seconds + _GRACE_SECONDS):
            yield Window(tuple(requests), end)

    def _entries(self) -> Iterator[StoredDecision]:
        sequence = self._at.sequence
        while page := self._page(sequence):
            yield from page
            sequence = page[-1].sequence

    def _page(self, sequence: int) -> list[StoredDecision]:
        try:
            return self._ledger.after(sequence, _ENTRIES_A_PAGE)
        except DamagedDecision:
            bare = self._ledger.after(sequence, _ENTRIES_A_PAGE, contents=False)
            return [self._as_far_as_readable(entry) for entry in bare]

    def _as_far_as_readable(self, entry: StoredDecision) -> StoredDecision:
        try:
            return self._ledger.after(entry.sequence - 1, 1)[0]
        except DamagedDecision:
            return replace(entry, content=_UNREADABLE)

    def _runs(self, window: Window) -> Sequence[InferenceRun]:
        rhythm, requests = self._rhythm, window.requests
        day = datetime.fromtimestamp(requests[0].recorded_at, UTC).date().isoformat()
        if len(requests) > rhythm.runs_per_second * rhythm.window_seconds:
            return [inference_run(requests, day)]
        return [inference_run([request], day) for request in requests]


@contextmanager
def alone(cursor: Path) -> Iterator[None]:
    """Make sure that nobody else on this machine ships with this cursor.

    Raises:
        AnotherShipper: somebody does.
    """
    cursor.parent.mkdir(parents=True, exist_ok=True)
    with cursor.with_name(f"{cursor.name}.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise AnotherShipper(cursor) from error
        yield
