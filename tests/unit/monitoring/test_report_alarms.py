from __future__ import annotations

import json
from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest
from written_reports import freshness, retraining

from creditrisk.monitoring.alerts import Alarm
from creditrisk.monitoring.outcomes.alarms import OutcomeAlarm
from creditrisk.monitoring.report_alarms import (
    freshness_alarms,
    outcome_alarms,
    production_alarms,
    retraining_alarms,
)


def names(alarms: tuple[Alarm, ...]) -> list[str]:
    return [alarm.alert.name for alarm in alarms]


def window(detected: bool | None, sha256: str = "a") -> Any:  # noqa: FBT001
    """A report of production, with what alarms read of it."""
    return SimpleNamespace(
        drift_detected=detected,
        bundle_sha256="b" * 64,
        window=SimpleNamespace(sha256=sha256, shown="pull.csv"),
        headline=lambda: "drifted, 1,000 applicants",
    )


def performance(*alarms: OutcomeAlarm) -> Any:
    """A report of performance, with what alarms read of it."""
    return SimpleNamespace(alarms=alarms, judged_months=("2026-10",), as_of=date(2026, 11, 20))


@pytest.mark.parametrize(
    ("status", "name"),
    [
        ("stale", "data_stale"),
        ("superseded", "data_superseded"),
        ("not measured", "freshness_not_measured"),
    ],
)
def test_freshness_alarms(status: str, name: str) -> None:
    """Each bad status of a source is one alarm, and fresh data are none."""
    assert names(freshness_alarms(freshness(status))) == [name]
    assert freshness_alarms(freshness("fresh")) == ()


def test_the_same_staleness_is_one_alarm_whenever_it_is_seen() -> None:
    """The age grows every day; what is stale stays the same."""
    first = freshness_alarms(freshness("stale", age_days=40))
    second = freshness_alarms(freshness("stale", age_days=41))
    assert first[0].sha256 == second[0].sha256


@pytest.mark.parametrize(
    ("detected", "name"),
    [(True, ["production_drift"]), (None, ["drift_not_measured"]), (False, [])],
)
def test_production_alarms(detected: bool | None, name: list[str]) -> None:  # noqa: FBT001
    """Drift is an alarm, and so is not knowing; a stable window is none."""
    assert names(production_alarms(window(detected))) == name


def test_another_window_is_another_alarm() -> None:
    """Drift that goes on is told again with the next window."""
    (one,), (other,) = (production_alarms(window(detected=True, sha256=sha256)) for sha256 in "ab")
    assert one.sha256 != other.sha256


def test_outcome_alarms() -> None:
    """Each failed check is an alarm with its reason; none, none."""
    alarm = OutcomeAlarm(name="outcome_grade", scope="grade C", reason="too many defaults")
    (found,) = outcome_alarms(performance(alarm))
    assert found.alert.severity == "critical"
    assert found.alert.text == "too many defaults"
    assert outcome_alarms(performance()) == ()


def test_retraining_alarms() -> None:
    """What the trigger's report raises is told, a failed run each time."""
    assert retraining_alarms(retraining()) == ()
    (wanted,) = retraining_alarms(retraining("retrain_wanted"))
    (again,) = retraining_alarms(retraining("retrain_wanted", day=21))
    assert wanted.sha256 == again.sha256
    (failed,) = retraining_alarms(retraining("retrain_failed"))
    (next_failed,) = retraining_alarms(retraining("retrain_failed", day=21))
    assert failed.sha256 != next_failed.sha256


def test_an_alarm_leads_to_the_runbook() -> None:
    """Whoever reads an alert finds what to do."""
    (found,) = freshness_alarms(freshness("stale"))
    assert found.alert.facts["runbook"] == "docs/runbook.md#data_stale"
    assert json.dumps(dict(found.alert.facts))
