from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from applicant_samples import FEATURES, SETTINGS, HalfOfRatio, applicants

from creditrisk.core.errors import MissingFile
from creditrisk.core.files import sha256_of
from creditrisk.models.errors import MissingFeatures
from creditrisk.monitoring.drift import DriftReport, NoSample, measure_drift, worst


def drift(
    folder: Path,
    current: pa.Table,
    reference: pa.Table | None = None,
    model: HalfOfRatio | None = None,
) -> DriftReport:
    """The report of a current sample against 8,000 reference rows."""
    paths = folder / "train.parquet", folder / "2026-05.parquet"
    for path, table in zip(paths, (reference or applicants(8_000, 1), current), strict=True):
        pq.write_table(table, path)
    return measure_drift(*paths, FEATURES, model or HalfOfRatio(), SETTINGS)


def test_two_samples_of_one_population_are_stable(tmp_path: Path) -> None:
    """Score and every input are measured and stay near their critical values."""
    report = drift(tmp_path, applicants(3_000, 2))
    assert report.status == "stable"
    assert [shift.name for shift in report.features] == ["RATIO", "CHILDREN", "INCOME_TYPE"]
    assert all((shift.value or 1) < 0.02 for shift in (report.score, *report.features))


def test_the_samples_are_named_by_file_and_checksum(tmp_path: Path) -> None:
    """No folder and no time is in the report."""
    report = drift(tmp_path, applicants(3_000, 2))
    assert (report.reference.name, report.current.name) == ("train", "2026-05")
    assert report.current.sha256 == sha256_of(tmp_path / "2026-05.parquet")
    assert (report.reference.rows, report.current.rows) == (8_000, 3_000)
    assert str(tmp_path) not in report.model_dump_json()


def test_a_shifted_number_moves_score_and_input(tmp_path: Path) -> None:
    """What the model reads drags its scores along; other inputs stay as they were."""
    report = drift(
        tmp_path, applicants(3_000, 2, RATIO=np.random.default_rng(2).random(3_000) ** 2)
    )
    assert report.status == report.score.status == report.features[0].status == "drifted"
    assert {shift.status for shift in report.features[1:]} == {"stable"}
    assert "1 of 3 inputs moved (RATIO)" in report.headline()


def test_a_milder_shift_is_shifted(tmp_path: Path) -> None:
    """Between both bars a difference beyond chance is a shift, no drift."""
    report = drift(
        tmp_path, applicants(3_000, 2, CHILDREN=np.random.default_rng(2).poisson(0.7, 3_000))
    )
    assert report.features[1].status == report.status == "shifted"


def test_few_rows_are_not_measured(tmp_path: Path) -> None:
    """Where chance alone reaches drift, a report says so and never 'stable'."""
    report = drift(tmp_path, applicants(20, 2))
    assert report.status == report.score.status == "not measured"
    assert "too few rows" in (report.score.reason or "")


def test_an_empty_sample_is_refused(tmp_path: Path) -> None:
    """No rows are no evidence of stability."""
    with pytest.raises(NoSample, match=r"2026-05\.parquet holds no applicant"):
        drift(tmp_path, applicants(5, 1).slice(0, 0))


def test_a_missing_column_is_not_measured(tmp_path: Path) -> None:
    """A model input that the sample lacks is named; the others are compared."""
    report = drift(tmp_path, applicants(500, 2).drop(["CHILDREN"]))
    assert [s.status for s in report.features] == ["stable", "not measured", "stable"]
    assert (report.status, report.drift_detected) == ("not measured", None)
    assert report.domain.status == "stable"


def test_a_sample_that_cannot_be_scored_says_why(tmp_path: Path) -> None:
    """Where a model input is missing the score is not measured, and the reason names the input."""

    class NeedsChildren(HalfOfRatio):
        def probabilities(self, table: pa.Table) -> np.ndarray:
            if "CHILDREN" not in table.column_names:
                raise MissingFeatures(["CHILDREN"])
            return super().probabilities(table)

    report = drift(tmp_path, applicants(500, 2).drop(["CHILDREN"]), model=NeedsChildren())
    assert report.score.status == "not measured"
    assert "CHILDREN" in (report.score.reason or "")


def test_the_verdict_is_the_worst_of_all_parts(tmp_path: Path) -> None:
    """One of three inputs moved: a third drifted, and the report says drift."""
    report = drift(tmp_path, applicants(3_000, 2, CHILDREN=np.full(3_000, 4)))
    assert report.drift_share == pytest.approx(1 / 3)
    assert report.drift_detected is True
    assert report.score.status == "stable"


def test_drift_of_the_whole_alone_is_drift(tmp_path: Path) -> None:
    """Columns that no longer go together move the report, though no column moved."""
    ratio = np.random.default_rng(3).random(6_000)
    together = applicants(6_000, 1, RATIO=ratio, CHILDREN=(ratio * 6).astype(int))
    apart = applicants(6_000, 2, RATIO=ratio, CHILDREN=(ratio[::-1] * 6).astype(int))
    report = drift(tmp_path, apart, together)
    assert {shift.status for shift in (report.score, *report.features)} == {"stable"}
    assert report.status == report.domain.status == "drifted"


def test_the_level_is_shared_by_all_measures(tmp_path: Path) -> None:
    """Score and three columns are measured twice, the whole once: nine share one in a hundred."""
    report = drift(tmp_path, applicants(500, 2))
    assert (report.tests, report.confidence) == (9, 0.99)
    assert report.level == pytest.approx(0.01 / 9)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """The refusal says which file and what writes it."""
    with pytest.raises(MissingFile, match=r"nothing\.parquet .* Run split_data"):
        measure_drift(tmp_path / "nothing.parquet", tmp_path, FEATURES, HalfOfRatio(), SETTINGS)


def test_the_report_survives_its_file(tmp_path: Path) -> None:
    """What is written is read back, and written again gives the same bytes."""
    report = drift(tmp_path, applicants(3_000, 2))
    report.write(tmp_path / "one.json")
    DriftReport.read(tmp_path / "one.json").write(tmp_path / "two.json")
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        (["stable", "drifted", "not measured"], "drifted"),
        (["stable", "shifted", "not measured"], "shifted"),
        (["stable", "not measured"], "not measured"),
        (["stable", "stable"], "stable"),
    ],
)
def test_the_worst_status_stands_for_all(statuses: list[Any], expected: str) -> None:
    """A report is never better than its worst part; unmeasured is never stable."""
    assert worst(statuses) == expected
