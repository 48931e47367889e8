"""The report holds what came out, what had been promised, and what could not be measured."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from decided_applicants import AS_OF, BUNDLE, MATURE, DecidedPlace, decision_id
from portfolios import BARS, approved_pds
from pyarrow import parquet

from creditrisk.core.settings import PolicySettings, Settings
from creditrisk.monitoring.outcomes.comparison import reference_side
from creditrisk.monitoring.outcomes.performance import PerformanceReport, measure_performance

OTHER_BUNDLE = "c" * 64
APPLICANTS = 1_800


def measured(place: DecidedPlace, as_of: date = AS_OF) -> PerformanceReport:
    """The report of a place."""
    with place.open() as ledger:
        return measure_performance(ledger, Settings(), as_of)


def portfolio(place: DecidedPlace, *, law: float = 1.0) -> None:
    """Three months of decisions by two models; the approved of the first two months matured.

    Every ninth applicant is declined and has no outcome.
    """
    chance = np.random.default_rng(4)
    pds = approved_pds(APPLICANTS, chance)
    months, model = [1, 2, 12], {"bundle_sha256": BUNDLE}
    changes, rows = {}, []
    for number, pd in enumerate(pds.tolist(), start=1):
        month, declined = months[number % 3], number % 9 == 0
        changes[number] = {
            "origin": {"received_at": f"2025-{month:02d}-10T08:00:00+00:00"},
            "probability": pd + 0.3 * declined,
            "decision": "decline" if declined else "approve",
            "grade": "G" if declined else "BC"[pd > 0.04],
            "model": model if month == 1 else {"bundle_sha256": OTHER_BUNDLE},
        }
        if not declined and month < 12:
            rows.append((decision_id(number), int(chance.random() < law * pd), "2026-02-20"))
    place.decide_all(changes)
    place.load_rows(*rows)


def test_before_any_outcome_there_is_only_a_promise(decided: DecidedPlace) -> None:
    """Decisions without outcomes have what their PDs promise, and no alarm is quiet."""
    report = measured(decided)
    (month,) = report.months
    assert (month.month, month.decisions, month.outcomes) == ("2025-01", {"approve": 10}, {})
    assert month.expected_all is not None
    assert month.expected_all.default_rate.value == pytest.approx(0.05)
    assert (month.matured, report.overall, report.models) == (None, None, ())
    assert (report.status, report.alarms, report.outcomes) == ("not measured", (), 0)


def test_promise_and_truth_stand_side_by_side(place: DecidedPlace) -> None:
    """By month, by model and in all: what came out beside what the same applicants promised."""
    portfolio(place)
    report = measured(place)
    assert [month.month for month in report.months] == ["2025-01", "2025-02", "2025-12"]
    assert [month.matured is None for month in report.months] == [False, False, True]
    assert report.judged_months == ("2025-01", "2025-02")
    assert [model.scope for model in report.models] == [BUNDLE, OTHER_BUNDLE]
    assert report.overall is not None
    whole = report.overall.matured
    assert whole is not None
    assert report.overall.outcomes == {"approve": report.outcomes}
    assert sum(grade.outcomes for grade in report.overall.grades) == report.outcomes
    assert whole.realised.roc_auc is not None
    assert whole.expected.roc_auc is not None
    error = whole.realised.roc_auc.value - whole.expected.roc_auc.value
    assert whole.error.roc_auc == pytest.approx(error, abs=1e-9)
    low, high = whole.expected.default_rate.low, whole.expected.default_rate.high
    assert low <= whole.realised.default_rate.value <= high
    assert report.alarms == ()


def test_the_declined_are_promised_and_never_realised(sqlite_place: DecidedPlace) -> None:
    """What all applicants promise exceeds what the approved do; only the latter have outcomes."""
    portfolio(sqlite_place)
    month = measured(sqlite_place).months[0]
    assert month.expected_all is not None
    assert month.expected_approved is not None
    assert month.expected_all.decisions == sum(month.decisions.values())
    assert month.expected_approved.decisions == month.decisions["approve"]
    assert month.outcomes == {"approve": month.decisions["approve"]}
    assert month.expected_all.default_rate.value > month.expected_approved.default_rate.value


def test_the_past_is_reported_as_it_was_known(sqlite_place: DecidedPlace) -> None:
    """As of an earlier day, later decisions and outcomes are not there."""
    portfolio(sqlite_place)
    report = measured(sqlite_place, date(2026, 2, 19))
    assert report.outcomes == 0
    report = measured(sqlite_place, date(2025, 2, 1))
    assert [month.month for month in report.months] == ["2025-01"]


def test_too_many_defaults_reach_the_report(sqlite_place: DecidedPlace) -> None:
    """An alarm makes the status and says why in the headline."""
    portfolio(sqlite_place, law=3.0)
    report = measured(sqlite_place)
    assert report.status == "alarm"
    assert {alarm.name for alarm in report.alarms} >= {"outcome_calibration"}
    assert "outcome_calibration: all (2 models):" in report.headline()


def test_changed_outcomes_alarm_and_nothing_is_measured(decided: DecidedPlace) -> None:
    """A label that was changed past the triggers is told; no figure is made of it."""
    decided.load_rows((decision_id(1), 0, MATURE))
    decided.tamper("update outcomes set target = 1")
    report = measured(decided)
    assert [alarm.name for alarm in report.alarms] == ["outcome_integrity"]
    assert (report.status, report.overall, report.outcomes) == ("alarm", None, 0)


def test_what_cannot_be_read_is_counted(sqlite_place: DecidedPlace) -> None:
    """Decisions whose PDs are gone stand in the report by reason; batches by their rows."""
    sqlite_place.decide([1])
    sqlite_place.batch("batch-of-2025", [(1, 101, 0.03), (2, 102, 0.04)]).unlink()
    sqlite_place.batch("batch-of-2026", [(1, 201, 0.03)])
    report = measured(sqlite_place)
    assert report.unread == {"output not found": 2}
    assert report.months[0].decisions == {"approve": 2}


def test_the_report_reads_back(decided: DecidedPlace) -> None:
    """What is written is what is read."""
    decided.load_rows((decision_id(1), 1, MATURE), (decision_id(2), 0, MATURE))
    report, path = measured(decided), decided.folder / "performance.json"
    report.write(path)
    assert PerformanceReport.read(path) == report


def test_the_test_side_is_measured_on_the_approved_band(tmp_path: Path) -> None:
    """Beside the AUC of all applicants stands that of those whom the policy approves."""
    pds = np.concatenate([np.linspace(0.01, 0.09, 60), np.linspace(0.3, 0.9, 40)])
    target = np.arange(100) % 7 == 0
    path = tmp_path / "test_predictions.parquet"
    parquet.write_table(pa.table({"TARGET": target.astype(np.int8), "PD": pds}), path)
    side = reference_side(path, BUNDLE, PolicySettings(), BARS)
    assert (side.applicants, side.approved) == (100, 60)
    assert side.roc_auc is not None
    assert side.roc_auc_approved is not None
    assert side.roc_auc_approved.high > side.roc_auc_approved.value
    assert side.expected_approved is not None
    assert side.expected_approved.decisions == 60
