from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from written_reports import NOW, freshness, retraining

from creditrisk.monitoring.production.report import DriftMetrics
from creditrisk.monitoring.textfile import GAUGES, write_textfile


def drift(*, detected: bool | None) -> DriftMetrics:
    return DriftMetrics(
        window_sha256="a" * 64,
        window_kind="features",
        first_at=None,
        last_at=None,
        bundle_sha256="b" * 64,
        rows=1_000,
        status="not measured" if detected is None else "drifted" if detected else "stable",
        drift_detected=detected,
        drift_share=None if detected is None else 0.25,
        score_psi=None,
        domain_auc=None,
        mean_pd=0.08,
        approval_rate=0.7,
        approval_change=0.0,
        contract_violations=3,
        unseen_categories=0,
        not_measured=0,
    )


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    return tmp_path


def samples(reports: Path) -> dict[tuple[str, ...], float]:
    """Everything the textfile holds, read back by Prometheus' own parser."""
    target = reports / "metrics.prom"
    write_textfile(reports, target, NOW)
    return {
        (sample.name.removeprefix("creditrisk_"), *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(target.read_text())
        for sample in family.samples
    }


def test_drift_is_told(reports: Path) -> None:
    """Share and flag of the latest window are in the file; what was not measured is not."""
    drift(detected=True).write(reports / "drift_metrics.json")
    found = samples(reports)
    assert found["drift_detected",] == found["drift_measured",] == 1
    assert found["drift_share_ratio",] == 0.25
    assert ("score_psi",) not in found


def test_drift_that_was_not_measured_is_no_quiet_drift(reports: Path) -> None:
    """Without a measurement there is no flag, and the file says that there is none."""
    drift(detected=None).write(reports / "drift_metrics.json")
    found = samples(reports)
    assert found["drift_measured",] == 0
    assert ("drift_detected",) not in found


def test_ages_are_told_in_seconds(reports: Path) -> None:
    """Each source's age and allowed age, and how many are stale."""
    freshness().write(reports / "data_freshness.json")
    found = samples(reports)
    assert found["source_age_seconds", "bureau.csv"] == 40 * 86_400
    assert found["source_allowed_age_seconds", "bureau.csv"] == 35 * 86_400
    assert (found["sources", "stale"], found["sources", "fresh"]) == (1, 0)


def test_a_failed_retraining_is_told(reports: Path) -> None:
    """Alarms of the trigger's report stand under their names."""
    retraining("retrain_failed").write(reports / "retrain_trigger.json")
    assert samples(reports)["alarms", "retrain_failed", "retrain_trigger"] == 1


def test_a_damaged_report_is_told(reports: Path) -> None:
    """A report that cannot be read gives no figure and says so; the others are told."""
    (reports / "drift_metrics.json").write_text("{")
    freshness().write(reports / "data_freshness.json")
    found = samples(reports)
    assert found["report_readable", "drift_metrics"] == 0
    assert found["report_readable", "data_freshness"] == 1
    assert ("drift_measured",) not in found


def test_without_reports_only_the_time_is_told(reports: Path) -> None:
    """Where nothing was measured nothing is claimed."""
    assert samples(reports) == {("figures_timestamp_seconds",): NOW.timestamp()}


def test_each_gauge_says_what_it_means() -> None:
    """No gauge is without its meaning."""
    assert all(meaning.endswith(".") for meaning, _ in GAUGES.values())
