"""Has the challenger score what the champion has answered, off the path of any answer."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from creditrisk.ledger.decision_entries import NewDecision
from creditrisk.scoring.decision_record import ShadowRecord, new_decision_id

if TYPE_CHECKING:
    from creditrisk.ledger.decisions import DecisionLedger
    from creditrisk.observability.metrics import ServiceMetrics
    from creditrisk.serve.desk import Case
    from creditrisk.serve.model import Models, ServingModel

_MOST_WAITING = 2_000  # records
_MOST_TOGETHER = 64
_CLOSE_SECONDS = 5.0
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Shadowed:
    """A feature row and the decision that the champion made on it."""

    decision_id: str
    request_id: str
    row: Mapping[str, Any]
    threshold: float | None


class Shadow(threading.Thread):
    """A thread that scores with the challenger while nothing more important waits.

    Args:
        models: holds the challenger, if there is one.
        ledger: takes its answers, each with the decision that it stands beside.
        metrics: counts what was scored, dropped or failed.
        is_busy: whether callers wait, so that the challenger must not take their time.
    """

    def __init__(
        self,
        models: Models,
        ledger: DecisionLedger,
        metrics: ServiceMetrics,
        is_busy: Callable[[], bool],
    ) -> None:
        super().__init__(name="shadow", daemon=True)
        self._models = models
        self._ledger = ledger
        self._metrics = metrics
        self._is_busy = is_busy
        self._waiting: deque[Shadowed] = deque()
        self._change = threading.Condition(threading.Lock())
        self._closing = False

    def offer(self, cases: Sequence[Case]) -> None:
        """Take what was decided, unless callers wait or too much is taken already."""
        if self._models.challenger is None:
            return
        records = [record for case in cases for record in _records(case)]
        with self._change:
            if self._is_busy() or len(self._waiting) + len(records) > _MOST_WAITING:
                self._metrics.shadow.labels("dropped").inc(len(records))
                return
            self._waiting.extend(records)
            self._change.notify()

    def close(self) -> None:
        """End the thread; what has not been scored by then is dropped."""
        with self._change:
            self._closing = True
            self._change.notify()
        self.join(_CLOSE_SECONDS)
        self._metrics.shadow.labels("dropped").inc(len(self._waiting))

    def run(self) -> None:
        """Score until closed; the challenger's errors concern nobody else."""
        while records := self._next():
            challenger = self._models.challenger
            if challenger is None:
                self._metrics.shadow.labels("dropped").inc(len(records))
                continue
            try:
                self._ledger.append(list(_scored(records, challenger)))
                self._metrics.shadow.labels("scored").inc(len(records))
            except Exception:  # noqa: BLE001 - the challenger never disturbs
                _LOG.exception("the challenger did not score")
                self._metrics.shadow.labels("failed").inc(len(records))

    def _next(self) -> list[Shadowed]:
        with self._change:
            while not self._waiting and not self._closing:
                self._change.wait()
            if self._closing:
                return []
            count = min(len(self._waiting), _MOST_TOGETHER)
            return [self._waiting.popleft() for _ in range(count)]


def _records(case: Case) -> Iterator[Shadowed]:
    if case.request is None or not case.answers:
        return
    rows = case.features or case.request.records
    for entry, row, threshold in zip(case.entries, rows, case.thresholds, strict=True):
        yield Shadowed(entry.decision_id, entry.request_id, row, threshold)


def _scored(records: Sequence[Shadowed], challenger: ServingModel) -> Iterator[NewDecision]:
    """What the challenger would have answered, each beside the decision that was made."""
    answers = challenger.decisions.decide_records(
        [record.row for record in records], [record.threshold for record in records]
    )
    for record, answer in zip(records, answers, strict=True):
        content = ShadowRecord.of(
            answer,
            beside=record.decision_id,
            request_id=record.request_id,
            model=challenger.served,
        )
        body = content.model_dump_json().encode()
        yield NewDecision("shadow", new_decision_id(), record.request_id, body)
