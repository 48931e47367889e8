"""The windows of production that were compared with a model's training data, one after another."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, Field, model_validator

from creditrisk.core.errors import CreditRiskError
from creditrisk.core.process_lock import held
from creditrisk.core.report import Number, Part, Report

HISTORY = Path("reports/drift_history.json")

WindowStatus = Literal["stable", "shifted", "drifted", "not measured"]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]

_KEPT_OF_A_MODEL = 200
_WAIT_SECONDS = 30.0
_CLOCK_TOLERANCE = timedelta(minutes=5)


class ClockRunsBackwards(CreditRiskError):
    """A moment that is past lies in the future: no order or age can be trusted."""

    def __init__(self, what: str, noted: datetime, now: datetime) -> None:
        super().__init__(
            f"Refused: {what} at {noted.isoformat()}, and it is {now.isoformat()} now. A clock runs "
            "backwards; set it right, or move the file aside if it was written by a wrong clock."
        )


class DriftWindow(Part):
    """What was measured of one window.

    `window_sha256` is the hash of what was measured. `first_at` and `last_at` are the moments of
    its first and last application, null where they are not known, as in a file without times.
    `measured_at` is when it was measured first. The figures are null where nothing was measured.
    """

    window_sha256: Sha256
    bundle_sha256: Sha256
    measured_at: AwareDatetime
    first_at: AwareDatetime | None = None
    last_at: AwareDatetime | None = None
    rows: Annotated[int, Field(ge=0)]
    status: WindowStatus
    drift_share: Annotated[Number, Field(ge=0, le=1)] | None = None
    score_psi: Annotated[Number, Field(ge=0)] | None = None

    @property
    def is_measured(self) -> bool:
        """Whether the window says anything about drift."""
        return self.status != "not measured"

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if (self.first_at is None) != (self.last_at is None):
            message = "first_at and last_at are known together or not at all"
            raise ValueError(message)
        if self.first_at is not None and self.last_at is not None and self.first_at > self.last_at:
            message = f"first_at {self.first_at} is after last_at {self.last_at}"
            raise ValueError(message)
        if self.is_measured and self.drift_share is None and self.score_psi is None:
            message = f"status {self.status} without a figure"
            raise ValueError(message)
        return self


class DriftHistory(Report):
    """Windows of all models in the order in which they were first recorded."""

    format_version: Literal[1] = 1
    windows: tuple[DriftWindow, ...] = ()

    @classmethod
    def of(cls, path: Path) -> Self:
        """The history, empty where none was written yet.

        Raises:
            UnreadableReport: the file is damaged; that is never 'no drift'.
        """
        return cls.read(path) if path.exists() else cls()

    def with_window(self, window: DriftWindow) -> Self:
        """The history with one more window, or with a newer measurement of one it has.

        A window keeps its place when it is measured again, and what was measured is not given up
        for 'not measured'.
        """
        place = next((at for at, had in enumerate(self.windows) if _is_same(had, window)), None)
        if place is None:
            return self._kept((*self.windows, window))
        had = self.windows[place]
        newer = had if had.is_measured and not window.is_measured else window
        renewed = newer.model_copy(update={"measured_at": had.measured_at})
        return self._kept((*self.windows[:place], renewed, *self.windows[place + 1 :]))

    def of_model(self, bundle_sha256: str) -> tuple[DriftWindow, ...]:
        """The windows of one model by time, those without times in the order of recording.

        A window whose applications are known stands where its last one does. One without times
        stands behind what was recorded before it, whatever the clock said.
        """
        placed: list[tuple[datetime, int, DriftWindow]] = []
        latest: datetime | None = None
        for order, window in enumerate(w for w in self.windows if w.bundle_sha256 == bundle_sha256):
            moment = window.last_at or max(filter(None, (window.measured_at, latest)))
            latest = max(moment, latest or moment)
            placed.append((moment, order, window))
        return tuple(window for _, _, window in sorted(placed, key=lambda entry: entry[:2]))

    def check_clock(self, now: datetime) -> None:
        """Refuse to go on where a window was measured in the future.

        Raises:
            ClockRunsBackwards.
        """
        latest = max((window.measured_at for window in self.windows), default=now)
        if latest > now + _CLOCK_TOLERANCE:
            raise ClockRunsBackwards("a window was measured", latest, now)

    def _kept(self, windows: tuple[DriftWindow, ...]) -> Self:
        models = [window.bundle_sha256 for window in windows]
        kept = tuple(
            window
            for at, window in enumerate(windows)
            if models[at:].count(window.bundle_sha256) <= _KEPT_OF_A_MODEL
        )
        return self.model_copy(update={"windows": kept})


def record_window(window: DriftWindow, path: Path = HISTORY) -> DriftHistory:
    """Add a window to the history on disk; two processes at once lose nothing.

    Raises:
        UnreadableReport: the history is damaged, and stays as it is.
        LockHeld: another process keeps it.
    """
    with held(path.with_name(f"{path.name}.lock"), "Recording drift", wait_seconds=_WAIT_SECONDS):
        history = DriftHistory.of(path).with_window(window)
        history.write(path)
    return history


def _is_same(one: DriftWindow, other: DriftWindow) -> bool:
    return (one.window_sha256, one.bundle_sha256) == (other.window_sha256, other.bundle_sha256)
