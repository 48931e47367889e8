"""The drift stage on a trained model: train against test, or any two samples."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from creditrisk.core.errors import MissingFile
from creditrisk.core.files import sha256_of
from creditrisk.mlops.bundle import Bundle
from creditrisk.monitoring.drift import DriftReport
from creditrisk.pipelines import monitor_drift

REPORT = Path("reports/drift_report.json")

pytestmark = pytest.mark.usefixtures("trained")


def test_the_test_side_is_compared_with_the_train_side(capsys: pytest.CaptureFixture[str]) -> None:
    """The report is about this bundle, both sides and every model input."""
    monitor_drift.main()
    report, bundle = DriftReport.read(REPORT), Bundle.load(Path("models/credit_risk_pd"))
    assert report.bundle_sha256 == bundle.sha256
    assert report.reference.sha256 == sha256_of(Path("data/splits/train.parquet"))
    assert report.current.sha256 == sha256_of(Path("data/splits/test.parquet"))
    assert [s.name for s in report.features] == [f.name for f in bundle.manifest.features]
    assert report.status == "stable"
    assert "test against train: stable, score PSI 0.0" in capsys.readouterr().out


def test_two_runs_write_the_same_bytes() -> None:
    """The report is a function of its inputs at any number of threads."""
    monitor_drift.main()
    first = REPORT.read_bytes()
    params = Path("params.yaml")
    params.write_text(params.read_text() + "resources: {threads: 1}\n")
    monitor_drift.main()
    assert REPORT.read_bytes() == first


def test_any_two_samples_can_be_compared(
    tmp_path: Path, rewrite: Callable[[Path, Callable[[pa.Table], pa.Table]], None]
) -> None:
    """A production month without outcomes is compared with the rows the model was made for."""
    month = tmp_path / "2026-05.parquet"
    month.write_bytes(Path("data/splits/test.parquet").read_bytes())
    rewrite(month, lambda table: table.drop(["TARGET"]))
    monitor_drift.main(
        reference=Path("data/splits/validation.parquet"), current=month, out=tmp_path / "drift.json"
    )
    report = DriftReport.read(tmp_path / "drift.json")
    assert (report.reference.name, report.current.name) == ("validation", "2026-05")
    assert report.current.rows == pq.read_metadata(month).num_rows
    assert not REPORT.exists()


def test_a_failure_leaves_no_report_of_an_earlier_comparison() -> None:
    """A sample that is missing refuses, and the old report does not stand for it."""
    monitor_drift.main()
    Path("data/splits/test.parquet").unlink()
    with pytest.raises(MissingFile, match=r"test\.parquet"):
        monitor_drift.main()
    assert not REPORT.exists()


@pytest.mark.slow
def test_the_page_is_the_same_each_time() -> None:
    """So that DVC can keep it; it is written only where one is wanted."""
    page = Path("reports/drift_report.html")
    monitor_drift.main(html=page)
    first = page.read_bytes()
    assert b"test against train" in first
    page.unlink()
    monitor_drift.main()
    assert not page.exists()
    monitor_drift.main(html=page)
    assert page.read_bytes() == first
