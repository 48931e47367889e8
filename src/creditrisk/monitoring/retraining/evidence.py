"""What the automatic rules say: whether drift persists, whether outcomes raise an alarm."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from creditrisk.core.errors import CreditRiskError
from creditrisk.core.report import Number, Part
from creditrisk.core.settings import RetrainingSettings
from creditrisk.monitoring.retraining.history import DriftHistory, DriftWindow

# pending: measured as far as can be, and time alone brings more, as with outcomes of a new model.
Verdict = Literal["fires", "quiet", "pending", "not measured"]
WINDOWS_NOT_MEASURED = "drift_windows_not_measured"

_SAME_WINDOW = 0.5


class JudgedWindow(Part):
    """A window that was looked at; `above` is null where it was not measured."""

    window_sha256: str
    measured_at: datetime
    drift_share: Number | None
    score_psi: Number | None
    above: bool | None


class RuleEvidence(Part):
    """What one rule says, and the hashes of what it says it about.

    `evidence` is what the rule fires on: it does not fire on the same again once a model was trained
    for it.
    """

    verdict: Verdict
    why: str
    evidence: tuple[str, ...] = ()
    windows: tuple[JudgedWindow, ...] = ()
    alarms: tuple[str, ...] = ()


def drift_evidence(
    path: Path, bundle_sha256: str, settings: RetrainingSettings, now: datetime
) -> RuleEvidence:
    """Whether drift persists, by the history of windows.

    Windows of another model do not count, one that mostly overlaps a later one counts as that one,
    and one without a measurement counts neither for drift nor against it.
    """
    if not path.exists():
        return _not_measured(f"{path} does not exist: no window was ever measured")
    try:
        history = DriftHistory.read(path)
        history.check_clock(now)
    except CreditRiskError as error:
        return _not_measured(str(error))
    windows = distinct_windows(history.of_model(bundle_sha256))
    measured = [window for window in windows if window.is_measured][-settings.windows :]
    recent = windows[-settings.windows :]
    absent = [window for window in recent if not window.is_measured]
    alarms = (WINDOWS_NOT_MEASURED,) if len(absent) > settings.max_not_measured else ()
    shown = tuple(_judged(window, settings) for window in _in_order(windows, measured, absent))
    verdict, why = _verdict(measured, absent, settings, now)
    fired = [window for window in measured if _is_above(window, settings)]
    evidence = (fired[-1].window_sha256,) if verdict == "fires" else ()
    return RuleEvidence(verdict=verdict, why=why, evidence=evidence, windows=shown, alarms=alarms)


def distinct_windows(windows: Sequence[DriftWindow]) -> list[DriftWindow]:
    """The windows, in order, without those of which more than half lies in a later one.

    Hourly looks at the same thirty days are one observation, not thirty.
    """
    kept: list[DriftWindow] = []
    for window in reversed(windows):
        if not any(_share_within(window, later) > _SAME_WINDOW for later in kept):
            kept.append(window)
    return kept[::-1]


def _share_within(window: DriftWindow, later: DriftWindow) -> float:
    """The share of a window's time that lies in a later one, 0 where times are not known."""
    if not (window.first_at and window.last_at and later.first_at and later.last_at):
        return 0.0
    span = window.last_at - window.first_at
    common = min(window.last_at, later.last_at) - max(window.first_at, later.first_at)
    if span <= timedelta(0):
        return float(common >= timedelta(0))
    return max(0.0, common / span)


def _verdict(
    measured: Sequence[DriftWindow],
    absent: Sequence[DriftWindow],
    settings: RetrainingSettings,
    now: datetime,
) -> tuple[Verdict, str]:
    if not measured:
        return "not measured", "no window of this model was measured"
    above = sum(_is_above(window, settings) for window in measured)
    counted = f"{above} of the last {len(measured)} measured windows above the bar"
    required = f"{settings.drifting_windows} of {settings.windows} are required"
    age = now - measured[-1].measured_at
    if age > timedelta(days=settings.max_evidence_days):
        limit = f"{settings.max_evidence_days:g} days are allowed"
        return "not measured", f"the last measurement is {age.days} days old, {limit}"
    if above >= settings.drifting_windows:
        return "fires", f"drift persists: {counted}, {required}"
    if len(absent) > settings.max_not_measured:
        allowed = f"{settings.max_not_measured} are allowed"
        return "not measured", f"{len(absent)} of the last windows were not measured, {allowed}"
    return "quiet", f"{counted}, {required}"


def _in_order(windows: Sequence[DriftWindow], *wanted: Sequence[DriftWindow]) -> list[DriftWindow]:
    chosen = {id(window) for some in wanted for window in some}
    return [window for window in windows if id(window) in chosen]


def _judged(window: DriftWindow, settings: RetrainingSettings) -> JudgedWindow:
    return JudgedWindow(
        window_sha256=window.window_sha256,
        measured_at=window.measured_at,
        drift_share=window.drift_share,
        score_psi=window.score_psi,
        above=_is_above(window, settings) if window.is_measured else None,
    )


def _is_above(window: DriftWindow, settings: RetrainingSettings) -> bool:
    return (window.drift_share or 0.0) >= settings.min_drift_share or (
        window.score_psi or 0.0
    ) >= settings.min_score_psi


def _not_measured(why: str) -> RuleEvidence:
    return RuleEvidence(verdict="not measured", why=why)
