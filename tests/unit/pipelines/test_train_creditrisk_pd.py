"""The stage `fit_model` from files to a tracked bundle."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml
from pyarrow import compute, parquet

from creditrisk.core.errors import MissingFile
from creditrisk.core.files import sha256_of
from creditrisk.mlops.bundle import Bundle
from creditrisk.mlops.errors import TrackingUnavailable
from creditrisk.models.errors import MissingFeatures, SingleClass, UnknownExcludedFeatures
from creditrisk.pipelines import train_creditrisk_pd as stage

pytestmark = pytest.mark.filterwarnings("ignore:::mlflow", "ignore:::sqlalchemy")

BUNDLE = Path("models/credit_risk_pd")
SIDES = {
    "train": (0, 700),
    "validation": (700, 200),
    "calibration": (900, 400),
    "test": (1300, 200),
}
QUICK = {"max_trees": 30, "early_stopping_rounds": 10, "lightgbm": {"min_child_samples": 20}}


@pytest.fixture
def split_project(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder of a project whose splits are made, without MLflow."""
    rows = parquet.read_table(project / "data/processed/feature_store.parquet")
    (project / "data/splits").mkdir()
    for side, (start, count) in SIDES.items():
        parquet.write_table(rows.slice(start, count), project / f"data/splits/{side}.parquet")
    set_params()
    monkeypatch.setattr("creditrisk.mlops.tracking.open_experiment", lambda _: "1")
    monkeypatch.setattr("creditrisk.mlops.tracking.ensure_run", lambda *_: "a-run")
    return project


def set_params(**changes: Any) -> None:
    Path("params.yaml").write_text(yaml.safe_dump({"fit_model": {**QUICK, **changes}}))


def test_the_stage_seals_a_model(split_project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The bundle is complete, and one line says which model and which run."""
    assert split_project.is_dir()
    stage.main()
    bundle = Bundle.load(BUNDLE)
    assert capsys.readouterr().out.split() == [
        "models/credit_risk_pd:",
        "lightgbm,",
        "bundle",
        f"{bundle.sha256[:12]},",
        "run",
        "a-run",
    ]


def test_another_section_describes_another_model(split_project: Path) -> None:
    """`--section fit_scorecard` fits the scorecard, and leaves the bundle of `fit_model` alone."""
    card = split_project / "models/scorecard"
    stage.main(section=stage.Section.FIT_SCORECARD, bundle=card)
    assert Bundle.load(card).manifest.model_type == "scorecard"
    assert not BUNDLE.exists()


def test_the_data_is_on_record(split_project: Path) -> None:
    """The manifest has the hashes of the files that were read."""
    stage.main()
    snapshot = Bundle.load(BUNDLE).manifest.snapshot
    assert snapshot.raw == {}
    assert snapshot.feature_store == sha256_of(Path("data/processed/feature_store.parquet"))
    assert snapshot.splits["calibration"] == sha256_of(
        split_project / "data/splits/calibration.parquet"
    )


def test_the_raw_files_checksums_are_taken_over(split_project: Path) -> None:
    """Where ingestion has written its summary, the manifest names the raw files by hash."""
    table = {
        "file": "bureau.csv",
        "table": "bureau",
        "source": "synthetic",
        "uri": "synthetic",
        "bytes": 1,
        "rows": 1,
        "md5": "0" * 32,
        "sha256": "a" * 64,
        "schema_fingerprint": "b" * 64,
    }
    summary = {"profile": "none", "tables": [table], "total_bytes": 1, "total_rows": 1}
    (split_project / "reports/ingestion_summary.json").write_text(json.dumps(summary))
    stage.main()
    assert Bundle.load(BUNDLE).manifest.snapshot.raw == {"bureau.csv": "a" * 64}


def test_the_test_side_is_not_needed(split_project: Path) -> None:
    """Training cannot read the test side: it runs without that file."""
    (split_project / "data/splits/test.parquet").unlink()
    stage.main()


def test_excluded_features_are_not_in_the_model(split_project: Path) -> None:
    """`excluded_features` keeps a column out of the model, not out of the table."""
    assert split_project.is_dir()
    set_params(excluded_features=["CODE_GENDER"])
    stage.main()
    names = [feature.name for feature in Bundle.load(BUNDLE).manifest.features]
    assert "CODE_GENDER" not in names
    assert len(names) > 100


def test_prohibited_inputs_are_not_in_the_model(split_project: Path) -> None:
    """By default the model reads neither gender nor family status, and the manifest says why."""
    assert split_project.is_dir()
    stage.main()
    manifest = Bundle.load(BUNDLE).manifest
    assert set(manifest.prohibited) == {"CODE_GENDER", "NAME_FAMILY_STATUS", "TOT_MISSING_COUNT"}
    assert not set(manifest.prohibited) & {feature.name for feature in manifest.features}


def test_the_policy_decides_what_is_prohibited(split_project: Path) -> None:
    """A lender whose law prohibits nothing may read everything."""
    assert split_project.is_dir()
    params = {"fit_model": QUICK, "policy": {"prohibited_inputs": {}}}
    Path("params.yaml").write_text(yaml.safe_dump(params))
    stage.main()
    manifest = Bundle.load(BUNDLE).manifest
    assert manifest.prohibited == {}
    assert "CODE_GENDER" in [feature.name for feature in manifest.features]


def test_resampling_is_announced(split_project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever asks for SMOTE is told what it does to PDs."""
    assert split_project.is_dir()
    set_params(resampling="smote_downsampling")
    stage.main()
    assert "only the calibration split brings PDs back" in capsys.readouterr().err


def test_a_misspelt_exclusion_is_refused(split_project: Path) -> None:
    """No model is made from settings that name no feature."""
    assert split_project.is_dir()
    set_params(excluded_features=["CODE_GENDR"])
    with pytest.raises(UnknownExcludedFeatures, match="CODE_GENDR"):
        stage.main()
    assert not BUNDLE.exists()


def test_a_split_without_a_feature_is_refused(
    split_project: Path, rewrite: Callable[[Path, Callable[[pa.Table], pa.Table]], None]
) -> None:
    """The splits have the columns that the metadata lists."""
    path = split_project / "data/splits/validation.parquet"
    rewrite(path, lambda table: table.drop(["EXT_SOURCE_2"]))
    with pytest.raises(MissingFeatures, match="EXT_SOURCE_2"):
        stage.main()


def test_a_split_of_one_outcome_is_refused_and_the_old_model_stays(
    split_project: Path, rewrite: Callable[[Path, Callable[[pa.Table], pa.Table]], None]
) -> None:
    """A refused training leaves the former bundle untouched."""
    stage.main()
    before = Bundle.load(BUNDLE).sha256
    path = split_project / "data/splits/calibration.parquet"
    rewrite(path, lambda table: table.filter(compute.equal(table["TARGET"], 0)))
    with pytest.raises(SingleClass, match="calibration"):
        stage.main()
    assert Bundle.load(BUNDLE).sha256 == before


@pytest.mark.parametrize(
    ("missing", "remedy"),
    [
        ("data/splits/train.parquet", "Run split_data"),
        ("data/processed/feature_store.parquet", "Run build_feature_store"),
        ("data/processed/feature_metadata.json", "Run the stage that writes it"),
    ],
)
def test_a_missing_input_is_named(split_project: Path, missing: str, remedy: str) -> None:
    """The refusal names the file and the stage that writes it."""
    (split_project / missing).unlink()
    with pytest.raises(MissingFile, match=rf"{missing} does not exist.*{remedy}"):
        stage.main()


def test_without_mlflow_s_store_nothing_is_sealed(
    split_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store that does not answer is noticed while the model trains, and ends the stage."""

    def unreachable(_: str) -> str:
        raise TrackingUnavailable("http://tracking.example.org", "no answer.")

    assert split_project.is_dir()
    monkeypatch.setattr("creditrisk.mlops.tracking.open_experiment", unreachable)
    with pytest.raises(TrackingUnavailable, match=r"tracking\.example\.org"):
        stage.main()
    assert not BUNDLE.exists()
