from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from creditrisk.core.errors import MissingFile
from creditrisk.core.files import sha256_of
from creditrisk.core.settings import MonitorDriftSettings
from creditrisk.models.encoding import ModelFeature
from creditrisk.monitoring.drift import DriftReport, NoSample, measure_drift, worst

FEATURES = (
    ModelFeature(name="RATIO", type="real"),
    ModelFeature(name="CHILDREN", type="integer"),
    ModelFeature(name="INCOME_TYPE", type="category", categories=("Pensioner", "Working")),
)


class HalfOfRatio:
    """A model whose PD is half of RATIO."""

    bundle_sha256 = "b" * 64

    def probabilities(self, table: pa.Table) -> np.ndarray:
        """The PD of each row."""
        return np.asarray(table["RATIO"].to_numpy()) / 2


def applicants(rows: int, seed: int, **changes: Any) -> pa.Table:
    """Rows with a ratio, children, an income type with nulls; `changes` replace columns."""
    generator = np.random.default_rng(seed)
    kinds = generator.choice(np.array(["Pensioner", "Working"]), rows, p=(0.3, 0.7))
    columns = {
        "SK_ID_CURR": np.arange(rows),
        "RATIO": generator.random(rows),
        "CHILDREN": generator.poisson(0.5, rows),
        "INCOME_TYPE": pa.array(kinds, mask=generator.random(rows) < 0.1),
    }
    return pa.table({**columns, **changes})


def drift(folder: Path, current: pa.Table, reference: pa.Table | None = None) -> DriftReport:
    """The report of a current sample against 8,000 reference rows."""
    paths = folder / "train.parquet", folder / "2026-05.parquet"
    for path, table in zip(paths, (reference or applicants(8_000, 1), current), strict=True):
        pq.write_table(table, path)
    return measure_drift(*paths, FEATURES, HalfOfRatio(), MonitorDriftSettings())


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


def test_missing_values_are_a_bin(tmp_path: Path) -> None:
    """A source that stops delivering is drift, though no value changed."""
    report = drift(tmp_path, applicants(3_000, 2, INCOME_TYPE=pa.nulls(3_000, pa.string())))
    assert report.features[2].status == "drifted"
    assert {b.label: b.current_share for b in report.features[2].bins}["missing"] == 1


def test_a_new_category_is_no_missing_value(tmp_path: Path) -> None:
    """A text that the catalogue does not list has a bin of its own."""
    report = drift(tmp_path, applicants(3_000, 2, INCOME_TYPE=["Student"] * 3_000))
    assert {b.label: b.current_share for b in report.features[2].bins}["other"] == 1


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
    assert "CHILDREN" in (report.features[1].reason or "")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """The refusal says which file and what writes it."""
    with pytest.raises(MissingFile, match=r"nothing\.parquet .* Run split_data"):
        measure_drift(
            tmp_path / "nothing.parquet", tmp_path, FEATURES, HalfOfRatio(), MonitorDriftSettings()
        )


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
