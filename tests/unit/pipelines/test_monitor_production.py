"""`creditrisk monitor-production` on a trained model: its files, its refusals, its exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import typer

from creditrisk.core.errors import CreditRiskError, MissingFile
from creditrisk.ledger import DecisionLedger
from creditrisk.ledger.errors import InvalidLedgerKey
from creditrisk.mlops.bundle import Bundle
from creditrisk.monitoring.production.errors import EmptyPull, InvalidWindow, OneSourceNeeded
from creditrisk.monitoring.production.report import DriftMetrics, ProductionDriftReport
from creditrisk.monitoring.retraining.history import DriftHistory
from creditrisk.pipelines import monitor_production

if TYPE_CHECKING:
    from webhook_server import Webhook

REPORT = Path("reports/production_drift_report.json")
METRICS = Path("reports/drift_metrics.json")
PAGE = Path("reports/production_drift_report.html")
HISTORY = Path("reports/drift_history.json")
TEST_SIDE = "data/splits/test.parquet"

pytestmark = pytest.mark.usefixtures("trained")


@pytest.fixture(autouse=True)
def own_ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees a ledger or a cloud of this machine."""
    for name in ("URL", "KEY", "ANCHOR"):
        monkeypatch.delenv(f"CREDITRISK_LEDGER_{name}", raising=False)
    monkeypatch.setenv("CREDITRISK_LEDGER_URL", f"sqlite:///{tmp_path}/ledger.db")
    monkeypatch.setenv("CREDITRISK_LEDGER_ANCHOR", str(tmp_path / "anchor.json"))
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))


def measure(current: str | None = TEST_SIDE, **flags: Any) -> ProductionDriftReport:
    """The report of a run without a page."""
    monitor_production.main(current=current, no_html=True, **flags)
    return ProductionDriftReport.read(REPORT)


def shifted() -> str:
    """The test side with another mix of one input."""
    table = pq.read_table(TEST_SIDE)
    place = table.schema.get_field_index("EXT_SOURCE_2")
    halved = pa.compute.multiply(table.column(place), 0.5)
    pq.write_table(table.set_column(place, "EXT_SOURCE_2", halved), "shifted.parquet")
    return "shifted.parquet"


def test_a_pull_is_measured_against_the_bundle(capsys: pytest.CaptureFixture[str]) -> None:
    """Report, figures and history are about this model and this file; no row of training is read."""
    Path("data/splits/train.parquet").unlink()
    report, metrics = measure(), DriftMetrics.read(METRICS)
    assert report.bundle_sha256 == Bundle.load(Path("models/credit_risk_pd")).sha256
    assert report.window.rows == pq.read_metadata(TEST_SIDE).num_rows == metrics.rows
    assert metrics.window_sha256 == report.window.sha256
    assert (metrics.status, metrics.drift_detected) == ("stable", False)
    assert f"{TEST_SIDE}: stable" in capsys.readouterr().out
    (window,) = DriftHistory.of(HISTORY).windows
    assert (window.window_sha256, window.status) == (metrics.window_sha256, "stable")


def test_the_same_window_measured_twice_counts_once() -> None:
    """Reports are the same to the byte; the history keeps one window, and another beside it."""
    measure()
    first = REPORT.read_bytes(), METRICS.read_bytes()
    measure()
    assert (REPORT.read_bytes(), METRICS.read_bytes()) == first
    measure(shifted())
    stable, other = DriftHistory.of(HISTORY).windows
    assert (stable.status, other.drift_share) == ("stable", DriftMetrics.read(METRICS).drift_share)


def test_fail_on_drift_exits_1_and_keeps_the_report() -> None:
    """Drift alone is a result; whoever gates on it asks for the exit code."""
    assert measure(shifted()).drift_detected
    with pytest.raises(typer.Exit) as ended:
        measure(shifted(), fail_on_drift=True)
    assert ended.value.exit_code == 1
    assert ProductionDriftReport.read(REPORT).drift_detected
    assert measure(fail_on_drift=True).status == "stable"


def test_a_drifted_window_is_posted_once(hook: Webhook) -> None:
    """With --alert people hear of drift, of the same window not again, of a stable one never."""
    for current in (shifted(), shifted(), TEST_SIDE):
        measure(current, alert=True)
    (posted,) = hook.received
    assert posted["text"].startswith("[warning] production_drift: ")


def test_fail_on_drift_does_not_pass_what_was_not_measured() -> None:
    """'Not measured' is no 'no drift'."""
    pq.write_table(pq.read_table(TEST_SIDE).slice(0, 1), "one.parquet")
    with pytest.raises(typer.Exit):
        measure("one.parquet", fail_on_drift=True)
    assert DriftMetrics.read(METRICS).drift_detected is None
    assert measure("one.parquet").status == "not measured"


@pytest.mark.parametrize(
    ("flags", "refused"),
    [
        ({"current": "none.parquet"}, MissingFile),
        ({"current": None}, OneSourceNeeded),
        ({"current": TEST_SIDE, "ledger": True, "last": "1d"}, OneSourceNeeded),
        ({"current": None, "ledger": True}, InvalidWindow),
        ({"current": None, "ledger": True, "last": "1d"}, InvalidLedgerKey),
        ({"current": TEST_SIDE, "since": "2026-11-01"}, InvalidWindow),
    ],
)
def test_a_failure_leaves_no_report_of_an_earlier_pull(
    flags: dict[str, Any], refused: type[CreditRiskError]
) -> None:
    """Nor its figures, nor its page; the history of earlier windows stays."""
    measure()
    PAGE.write_text("an earlier page")
    with pytest.raises(refused):
        measure(**flags)
    assert not any(path.exists() for path in (REPORT, METRICS, PAGE))
    assert len(DriftHistory.of(HISTORY).windows) == 1


def test_an_empty_window_of_the_ledger_is_refused() -> None:
    """It holds nothing that could have drifted."""
    DecisionLedger.open().close()
    with pytest.raises(EmptyPull, match="holds no decision of model"):
        measure(None, ledger=True, last="1d")


def test_a_caller_may_say_when_a_pull_came() -> None:
    """The moments reach the figures, and by them the history's order."""
    measure(since="2026-05-01", until="2026-05-31T12:00+02:00")
    figures = json.loads(METRICS.read_text())
    assert figures["first_at"] == "2026-05-01T00:00:00Z"
    assert figures["last_at"] == "2026-05-31T10:00:00Z"


def test_training_rows_bring_the_domain_classifier() -> None:
    """Its AUC is one of the figures."""
    report = measure(reference=Path("data/splits/train.parquet"))
    assert report.domain is not None
    assert DriftMetrics.read(METRICS).domain_auc == report.domain.roc_auc


def test_publishing_without_a_cloud_is_said_and_no_failure(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """'Not configured' is the answer."""
    measure(publish_metrics=True)
    assert "CloudWatch: not configured" in capsys.readouterr().out


@pytest.mark.slow
def test_the_page_is_written_with_the_report() -> None:
    """One file of all verdicts, the same one each time."""
    monitor_production.main(current=TEST_SIDE)
    first = PAGE.read_bytes()
    assert b"Production against training" in first
    monitor_production.main(current=TEST_SIDE)
    assert PAGE.read_bytes() == first
