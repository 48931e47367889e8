"""Drift persists by the rule's numbers and no other way; what was not measured is never quiet."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from creditrisk.core.settings import RetrainingSettings
from creditrisk.monitoring.retraining.evidence import (
    WINDOWS_NOT_MEASURED,
    RuleEvidence,
    drift_evidence,
)
from creditrisk.monitoring.retraining.history import DriftHistory, DriftWindow

START = datetime(2026, 1, 1, tzinfo=UTC)
MODEL, OTHER_MODEL = "a" * 64, "b" * 64
RULE = RetrainingSettings(windows=3, drifting_windows=2, min_drift_share=0.1, min_score_psi=0.2)
QUIET, DRIFT, SCORES, ABSENT = "quiet", "drift", "scores", "absent"
FIGURES: dict[str, dict[str, Any]] = {
    QUIET: {"status": "stable", "drift_share": 0.09, "score_psi": 0.19},
    DRIFT: {"status": "drifted", "drift_share": 0.1, "score_psi": None},
    SCORES: {"status": "drifted", "drift_share": 0.0, "score_psi": 0.2},
    ABSENT: {"status": "not measured"},
}


def window(name: int, kind: str, **facts: Any) -> DriftWindow:
    """A month's window, measured on its last day."""
    given: dict[str, Any] = {
        "window_sha256": f"{name:064x}",
        "bundle_sha256": MODEL,
        "measured_at": START + timedelta(days=30 * name),
        "first_at": START + timedelta(days=30 * (name - 1)),
        "last_at": START + timedelta(days=30 * name),
        "rows": 1_000,
    }
    return DriftWindow(**given | FIGURES[kind] | facts)


def months(*kinds: str) -> list[DriftWindow]:
    return [window(name, kind) for name, kind in enumerate(kinds, 1)]


def judged(
    folder: Path, windows: list[DriftWindow], *, days_later: float = 1.0, rule: Any = RULE
) -> RuleEvidence:
    path = folder / "drift_history.json"
    history = DriftHistory()
    for each in windows:
        history = history.with_window(each)
    history.write(path)
    now = max(each.measured_at for each in windows) + timedelta(days=days_later)
    return drift_evidence(path, MODEL, rule, now)


@pytest.mark.parametrize(
    "kinds",
    [
        (DRIFT, DRIFT),
        (DRIFT, QUIET, DRIFT),
        (QUIET, QUIET, DRIFT, SCORES),
        (DRIFT, ABSENT, DRIFT),
        (DRIFT, ABSENT, ABSENT, DRIFT),
    ],
)
def test_drift_that_persists_fires(tmp_path: Path, kinds: tuple[str, ...]) -> None:
    """Two of the last three measured windows at or above either bar are enough."""
    found = judged(tmp_path, months(*kinds))
    assert found.verdict == "fires"
    assert found.evidence == (f"{len(kinds):064x}",)
    assert "2 of 3 are required" in found.why


@pytest.mark.parametrize(
    "kinds",
    [
        (QUIET,),
        (DRIFT,),
        (QUIET, QUIET, QUIET),
        (DRIFT, QUIET, QUIET, DRIFT),
        (DRIFT, DRIFT, QUIET, QUIET),
        (DRIFT, ABSENT, QUIET),
    ],
)
def test_drift_that_passes_is_quiet(tmp_path: Path, kinds: tuple[str, ...]) -> None:
    """One window is an accident, and what lies before the last three measured ones is past."""
    found = judged(tmp_path, months(*kinds))
    assert (found.verdict, found.evidence, found.alarms) == ("quiet", (), ())


def test_the_numbers_of_the_rule_count(tmp_path: Path) -> None:
    """k, n and the bars are the settings'."""
    windows = months(DRIFT, QUIET, QUIET, DRIFT)
    assert judged(tmp_path, windows).verdict == "quiet"
    longer = RULE.model_copy(update={"windows": 4})
    assert judged(tmp_path, windows, rule=longer).verdict == "fires"
    lower = RULE.model_copy(update={"min_drift_share": 0.09})
    assert judged(tmp_path, windows, rule=lower).verdict == "fires"
    stricter = longer.model_copy(update={"drifting_windows": 3})
    assert judged(tmp_path, windows, rule=stricter).verdict == "quiet"


def test_too_many_windows_without_a_measurement_are_an_alarm(tmp_path: Path) -> None:
    """One of the last three may fail; two are an alarm, and no quiet."""
    one = judged(tmp_path, months(QUIET, QUIET, ABSENT))
    two = judged(tmp_path, months(QUIET, ABSENT, ABSENT))
    assert (one.verdict, one.alarms) == ("quiet", ())
    assert (two.verdict, two.alarms) == ("not measured", (WINDOWS_NOT_MEASURED,))


def test_the_alarm_does_not_hide_drift(tmp_path: Path) -> None:
    """Drift that was measured of late fires, whatever was not measured since."""
    patient = RULE.model_copy(update={"max_evidence_days": 90})
    found = judged(tmp_path, months(DRIFT, DRIFT, ABSENT, ABSENT), rule=patient)
    assert (found.verdict, found.alarms) == ("fires", (WINDOWS_NOT_MEASURED,))


def test_windows_of_another_model_do_not_count(tmp_path: Path) -> None:
    """A new model begins without windows: that is 'not measured'."""
    others = [window(name, DRIFT, bundle_sha256=OTHER_MODEL) for name in (1, 2, 3)]
    assert judged(tmp_path, others).verdict == "not measured"
    assert judged(tmp_path, [*others, window(4, QUIET)]).verdict == "quiet"


def test_hourly_looks_at_one_month_are_one_window(tmp_path: Path) -> None:
    """Windows that mostly overlap a later one are the same observation."""
    hourly = [
        window(
            hour,
            DRIFT,
            first_at=START + timedelta(hours=hour),
            last_at=START + timedelta(days=30, hours=hour),
        )
        for hour in range(24)
    ]
    found = judged(tmp_path, hourly)
    assert found.verdict == "quiet"
    assert [each.window_sha256 for each in found.windows] == [f"{23:064x}"]


def test_windows_that_overlap_a_little_are_two(tmp_path: Path) -> None:
    """Half of a window and more must be its own."""
    first = window(1, DRIFT)
    halfway = window(
        2,
        DRIFT,
        first_at=START + timedelta(days=15),
        last_at=START + timedelta(days=45),
    )
    assert judged(tmp_path, [first, halfway]).verdict == "fires"


def test_old_evidence_is_not_measured(tmp_path: Path) -> None:
    """A history that nobody has added to for long says nothing of today."""
    assert judged(tmp_path, months(QUIET, QUIET), days_later=44).verdict == "quiet"
    for windows in (months(QUIET, QUIET), months(DRIFT, DRIFT)):
        found = judged(tmp_path, windows, days_later=46)
        assert (found.verdict, "46 days old" in found.why) == ("not measured", True)


@pytest.mark.parametrize("content", [None, "", "{", '{"windows": 1}'])
def test_no_readable_history_is_not_measured(tmp_path: Path, content: str | None) -> None:
    """A history that is missing or damaged is never 'no drift'."""
    path = tmp_path / "drift_history.json"
    if content is not None:
        path.write_text(content)
    found = drift_evidence(path, MODEL, RULE, START)
    assert found.verdict == "not measured"
    assert str(path) in found.why


def test_a_clock_that_runs_backwards_is_not_measured(tmp_path: Path) -> None:
    """With a window of the future nothing is judged."""
    found = judged(tmp_path, months(DRIFT, DRIFT), days_later=-1)
    assert (found.verdict, "clock runs backwards" in found.why) == ("not measured", True)
