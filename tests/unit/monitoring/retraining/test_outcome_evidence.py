"""Alarms about the watched model trigger; what nobody can know yet refuses nothing."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from performance_reports import MODEL, OTHER_MODEL, QUIET, check, performance

from creditrisk.core.settings import RetrainingSettings
from creditrisk.monitoring.outcomes.alarms import OutcomeCheck
from creditrisk.monitoring.retraining.evidence import RuleEvidence
from creditrisk.monitoring.retraining.outcome_evidence import outcome_evidence

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def judged(folder: Path, *checks: OutcomeCheck, **facts: Any) -> RuleEvidence:
    given: dict[str, Any] = {"as_of": NOW.date(), "models": (MODEL,), **facts}
    path = folder / "performance.json"
    performance(*checks, **given).write(path)
    return outcome_evidence(path, MODEL, RetrainingSettings(max_evidence_days=45), NOW)


def test_an_alarm_fires(tmp_path: Path) -> None:
    """What the alarm says is the reason; alarm and months are what it was raised on."""
    found = judged(tmp_path, check("outcome_calibration"), months=("2025-04", "2025-05"))
    assert found.verdict == "fires"
    assert "outcome_calibration, all: seen; bar: wanted" in found.why
    assert found.evidence == ("outcome_calibration all 2025-04,2025-05",)


def test_no_alarm_is_quiet(tmp_path: Path) -> None:
    """Outcomes were judged and are as promised."""
    assert judged(tmp_path, QUIET).verdict == "quiet"


@pytest.mark.parametrize(
    ("of", "verdict"),
    [((MODEL,), "fires"), ((OTHER_MODEL,), "quiet"), ((OTHER_MODEL, MODEL), "quiet")],
)
def test_alarms_that_are_not_of_the_model_alone_do_not_count(
    tmp_path: Path, of: tuple[str, ...], verdict: str
) -> None:
    """An alarm about several models may rest on the errors of the one before."""
    alarm = check("outcome_relation", models=of)
    assert judged(tmp_path, QUIET, alarm, models=(MODEL, OTHER_MODEL)).verdict == verdict


def test_a_single_grade_is_left_to_a_person(tmp_path: Path) -> None:
    """It is told, and retrains nothing by itself; beside another alarm it hinders nothing."""
    grade = check("outcome_grade", "grade E")
    alone = judged(tmp_path, QUIET, grade)
    assert (alone.verdict, "grade E" in alone.why) == ("quiet", True)
    assert judged(tmp_path, grade, check("outcome_relation")).verdict == "fires"


def test_a_model_of_which_nothing_was_asked_alone_is_pending(tmp_path: Path) -> None:
    """Quiet is only what was judged."""
    quiet = check("outcome_discrimination", status="quiet", models=(MODEL, OTHER_MODEL))
    assert judged(tmp_path, quiet, models=(MODEL, OTHER_MODEL)).verdict == "pending"


def test_a_new_model_is_not_judged_by_the_one_before(tmp_path: Path) -> None:
    """Before its first outcome is known, alarms are about others; that refuses nothing."""
    found = judged(tmp_path, check("outcome_calibration"), models=(OTHER_MODEL,))
    assert (found.verdict, found.why) == ("pending", "no outcome of this model is known yet")


def test_too_few_outcomes_are_pending(tmp_path: Path) -> None:
    """Where no question could be asked, time must bring outcomes."""
    few = check("outcome_calibration", status="not measured")
    assert judged(tmp_path, few).verdict == "pending"


def test_damaged_outcomes_are_not_trained_on(tmp_path: Path) -> None:
    """Outcomes that were changed are an alarm, but no reason to retrain."""
    found = judged(tmp_path, check("outcome_integrity", "load 7"))
    assert (found.verdict, "load 7" in found.why) == ("not measured", True)


@pytest.mark.parametrize("as_of", [date(2026, 4, 1), date(2026, 6, 9)])
def test_a_report_of_another_time_is_not_measured(tmp_path: Path, as_of: date) -> None:
    """Neither an old report nor one of the future says anything of today."""
    assert judged(tmp_path, QUIET, as_of=as_of).verdict == "not measured"


@pytest.mark.parametrize("content", [None, "", '{"alarms": []}'])
def test_no_readable_report_is_not_measured(tmp_path: Path, content: str | None) -> None:
    """A report that is missing or damaged is never 'no alarm'."""
    path = tmp_path / "performance.json"
    if content is not None:
        path.write_text(content)
    found = outcome_evidence(path, MODEL, RetrainingSettings(), NOW)
    assert (found.verdict, str(path) in found.why) == ("not measured", True)
