"""Everything that one worker's routes work with, and its start and end."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from creditrisk.core.settings import Settings
from creditrisk.observability.metrics import ServiceMetrics
from creditrisk.serve.bodies import BodyReader
from creditrisk.serve.desk import Desk
from creditrisk.serve.dispatch import Answering, Dispatcher
from creditrisk.serve.memory import collect_in_quiet
from creditrisk.serve.model import Models, PointerWatch, ServingModel
from creditrisk.serve.shadow import Shadow

if TYPE_CHECKING:
    from creditrisk.ledger.decisions import DecisionLedger, LedgerCondition
    from creditrisk.serve.security import Gate

_LOOK_SECONDS = 1.0
_QUIET_RECORDS = 64
_BUSY_SHARE = 0.25  # of the queue; fuller, and the challenger waits
_LOG = logging.getLogger(__name__)


@dataclass
class Service:
    """One worker: its model, its ledger, its lanes. It closes the ledger when it ends.

    Args:
        settings: bounds and policy.
        model: the model that answers first.
        ledger: takes every decision.
        gate: lets callers in.
        folder: where moving pointers are followed; null where the model stays.
        archive: where bundles of old decisions lie, for replays.
    """

    settings: Settings
    model: ServingModel
    ledger: DecisionLedger
    gate: Gate
    folder: Path | None = None
    archive: Path | None = None
    metrics: ServiceMetrics = field(default_factory=ServiceMetrics)
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __post_init__(self) -> None:
        serve = self.settings.serve
        self.models = Models(self.model, self.metrics)
        self.bodies = BodyReader(serve.max_body_bytes)
        self.dispatcher = Dispatcher(
            self._answering, self.metrics, serve.queue_records, serve.max_records
        )
        self._condition: tuple[float, LedgerCondition | None] = (0.0, None)
        self.shadow = self._shadow()
        self.watches = self._watches()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Answer while the block lasts, then finish what was accepted and close the ledger."""
        await self.dispatcher.start()
        if self.shadow is not None:
            self.shadow.start()
        chores = [watch.watch() for watch in self.watches.values()]
        chores.append(collect_in_quiet(lambda: self.dispatcher.waiting <= _QUIET_RECORDS))
        tasks = [asyncio.create_task(chore) for chore in chores]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.dispatcher.close()
            await asyncio.to_thread(self._close)

    async def missing(self) -> dict[str, str]:
        """What keeps this worker from answering, by part."""
        condition = await self._ledger_condition()
        parts = {
            "ledger": condition.problem and "decisions cannot be recorded",
            "queue": self.dispatcher.missing,
            "credentials": self.gate.problem(),
        }
        if condition.problem:
            _LOG.error("ledger not ready", extra={"fields": {"problem": condition.problem}})
        return {part: problem for part, problem in parts.items() if problem}

    async def _ledger_condition(self) -> LedgerCondition:
        """What the ledger says of itself, asked once a second: /ready is open to everybody."""
        looked_at, condition = self._condition
        if condition is None or time.monotonic() - looked_at > _LOOK_SECONDS:
            condition = await asyncio.to_thread(self.ledger.check)
            self._condition = (time.monotonic(), condition)
        return condition

    def _answering(self) -> Answering:
        """What one lane's thread answers with; the connection to DuckDB is its own."""
        from creditrisk.features.request_features import RequestFeatures

        desk = Desk(
            self.models,
            RequestFeatures(),
            self.ledger,
            settings=self.settings,
            metrics=self.metrics,
            shadow=self.shadow,
        )
        return desk.answer

    def _shadow(self) -> Shadow | None:
        if self.settings.serve.shadow == "none" or self.folder is None:
            return None
        busy = _BUSY_SHARE * self.settings.serve.queue_records
        return Shadow(
            self.models, self.ledger, self.metrics, lambda: self.dispatcher.waiting > busy
        )

    def _watches(self) -> dict[str, PointerWatch]:
        if self.folder is None:
            return {}
        watch = partial(PointerWatch, self.folder, settings=self.settings, metrics=self.metrics)
        watches = {
            "champion": watch(
                "champion",
                current=lambda: self.models.champion,
                use=self.models.replace_champion,
            )
        }
        if self.shadow is not None:
            watches["challenger"] = watch(
                "challenger",
                current=lambda: self.models.challenger,
                use=self.models.replace_challenger,
            )
        return watches

    def _close(self) -> None:
        if self.shadow is not None:
            self.shadow.close()
        self.ledger.close()
