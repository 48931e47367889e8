"""The model that answers: one object, replaced in one assignment when its pointer moves."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from creditrisk.core.errors import CreditRiskError
from creditrisk.mlops.served import (
    ForeignServedBundle,
    ServedAlias,
    ServedModel,
    bundle_folder,
    pointer_path,
    read_served,
)

if TYPE_CHECKING:
    from creditrisk.contracts.requests import RequestChecks
    from creditrisk.core.settings import Settings
    from creditrisk.observability.metrics import ServiceMetrics
    from creditrisk.scoring.answers import DecisionMaker
    from creditrisk.scoring.scorer import Scorer

LOOK_SECONDS = 1.0
_RETRY_SECONDS = 60.0
_LOG = logging.getLogger(__name__)

Result = Literal["taken up", "refused", "renamed", "withdrawn"]


@dataclass(frozen=True)
class ServingModel:
    """A verified model with all that a request needs of it."""

    served: ServedModel
    scorer: Scorer
    checks: RequestChecks
    decisions: DecisionMaker

    @classmethod
    def of(cls, scorer: Scorer, served: ServedModel, settings: Settings) -> Self:
        """The model with the checks that were sealed with it and the lender's policy.

        Raises:
            BundleRefused: the bundle has no contract of requests.
        """
        from creditrisk.contracts.requests import RequestChecks
        from creditrisk.scoring.answers import DecisionMaker

        names = tuple(feature.name for feature in scorer.manifest.features)
        checks = RequestChecks(scorer.bundle.request_contract(), names, settings.serve.max_records)
        return cls(served, scorer, checks, DecisionMaker(scorer, settings.policy))

    @classmethod
    def load(cls, folder: Path, served: ServedModel, settings: Settings) -> Self:
        """Load what a pointer names, its hashes and golden predictions verified.

        Raises:
            MissingFile, BundleRefused: it is not there, or cannot be vouched for.
        """
        from creditrisk.scoring.scorer import Scorer

        place = bundle_folder(folder, served)
        scorer = Scorer.load(place)
        if scorer.bundle_sha256 != served.bundle_sha256:
            raise ForeignServedBundle(place, scorer.bundle_sha256, served.bundle_sha256)
        return cls.of(scorer, served, settings)

    @property
    def labels(self) -> dict[str, str]:
        """What metrics call the model."""
        return {
            "name": self.served.model_name,
            "version": self.served.version or "none",
            "bundle_sha256": self.served.bundle_sha256[:12],
        }


class Models:
    """The champion, which answers, and the challenger, if one is scored beside it.

    A reader takes `champion` once and uses that object for the whole of a request.
    """

    def __init__(self, champion: ServingModel, metrics: ServiceMetrics) -> None:
        self.champion = champion
        self.challenger: ServingModel | None = None
        self._metrics = metrics
        metrics.serves(champion.labels)

    def replace_challenger(self, model: ServingModel | None) -> None:
        """From now on, score this model beside the champion, or none."""
        self.challenger = model

    def replace_champion(self, model: ServingModel | None) -> None:
        """From the next batch on, answer with this model; a champion is never without successor."""
        if model is None:
            return
        before, self.champion = self.champion, model
        if before.labels != model.labels:
            self._metrics.serves(model.labels, before.labels)


@dataclass(frozen=True)
class Reload:
    """What became of the last pointer that was looked at."""

    result: Result
    at: datetime
    bundle_sha256: str | None
    reason: str | None = None

    def facts(self) -> dict[str, str | None]:
        """As `/metadata` shows it."""
        return {
            "result": self.result,
            "at": self.at.isoformat(timespec="seconds"),
            "bundle_sha256": self.bundle_sha256,
            "reason": self.reason,
        }


class PointerWatch:
    """Takes up the model that a pointer file names, once it has moved and the model is verified.

    Args:
        folder: where the pointer and the bundles lie.
        alias: whose pointer.
        settings: limits and policy of the new model.
        current: the model in use now, if any.
        use: replaces the model in use.
        metrics: counts the attempts.
    """

    def __init__(
        self,
        folder: Path,
        alias: ServedAlias,
        *,
        settings: Settings,
        current: Callable[[], ServingModel | None],
        use: Callable[[ServingModel | None], None],
        metrics: ServiceMetrics,
    ) -> None:
        self._folder = folder
        self._alias = alias
        self._settings = settings
        self._current = current
        self._use = use
        self._metrics = metrics
        self._seen: tuple[int, int, int] | None = None
        self._retry_at = float("inf")
        self.last: Reload | None = None

    async def watch(self, seconds: float = LOOK_SECONDS) -> None:
        """Look at the pointer until cancelled; loading happens in a thread."""
        while True:
            await asyncio.sleep(seconds)
            if self._has_moved():
                await asyncio.to_thread(self.take_up)

    def take_up(self) -> None:
        """Verify what the pointer names and use it; on any doubt keep the present model."""
        self._seen = self._stamp()
        self._retry_at = float("inf")
        try:
            result, served = self._taken_up()
        except Exception as error:  # noqa: BLE001 - on any doubt the old model stays
            self._retry_at = time.monotonic() + _RETRY_SECONDS
            reason = str(error) if isinstance(error, CreditRiskError) else type(error).__name__
            _LOG.exception("model refused", extra={"fields": self._fields(reason=reason)})
            self._note("refused", None, reason)
        else:
            if result is not None:
                sha256 = served.bundle_sha256 if served else None
                _LOG.info("model %s", result, extra={"fields": self._fields(bundle_sha256=sha256)})
                self._note(result, sha256)

    def _taken_up(self) -> tuple[Result | None, ServedModel | None]:
        present = self._current()
        if self._seen is None:
            if self._alias == "challenger" and present is not None:
                self._use(None)
                return "withdrawn", None
            return None, None
        served = read_served(self._folder, self._alias)
        if present is not None and served == present.served:
            return None, served
        if present is not None and served.bundle_sha256 == present.served.bundle_sha256:
            self._use(replace(present, served=served))
            return "renamed", served
        self._use(ServingModel.load(self._folder, served, self._settings))
        return "taken up", served

    def _has_moved(self) -> bool:
        return self._stamp() != self._seen or time.monotonic() >= self._retry_at

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            status = pointer_path(self._folder, self._alias).stat()
        except OSError:
            return None
        return (status.st_mtime_ns, status.st_ino, status.st_size)

    def _fields(self, **facts: str | None) -> Mapping[str, Any]:
        return {"alias": self._alias, **facts}

    def _note(self, result: Result, sha256: str | None, reason: str | None = None) -> None:
        self._metrics.reloads.labels(result).inc()
        self.last = Reload(result, datetime.now(UTC), sha256, reason)
