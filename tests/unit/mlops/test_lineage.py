from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from simulated_lending import SNAPSHOT, fitted, settings, tables

from creditrisk.contracts.tables import Column
from creditrisk.core.errors import MissingFile
from creditrisk.core.files import sha256_of
from creditrisk.core.settings import (
    ContractSettings,
    EvaluateSettings,
    IngestSettings,
    PolicySettings,
    ProtectedAttribute,
    SourceSettings,
    SplitSettings,
)
from creditrisk.data.ingestion import IngestionSummary, TableIngestion
from creditrisk.features.metadata import FeatureMetadata, describe
from creditrisk.mlops.bundle import TrainingSnapshot, seal
from creditrisk.mlops.errors import BundleRefused
from creditrisk.mlops.lineage import (
    BrokenLineage,
    DataLineage,
    LineageFiles,
    LineageParameters,
    trace_lineage,
)
from creditrisk.mlops.provenance import package_sha256

TARGET = Column(name="TARGET", type="integer", nullable=False)


def raw_file(sha256: str = "1" * 64) -> TableIngestion:
    """One raw file as it was taken in."""
    return TableIngestion(
        file="application_train.csv",
        table="application",
        source="local",
        uri="raw/application_train.csv",
        bytes=10,
        rows=1,
        md5="0" * 32,
        sha256=sha256,
        schema_fingerprint="f" * 64,
    )


def write_summary(path: Path, *files: TableIngestion) -> None:
    """The ingestion summary of those files."""
    IngestionSummary(profile="none", tables=files, total_bytes=10, total_rows=1).write(path)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which every piece names the others rightly."""
    folder = tmp_path_factory.mktemp("sound")
    write_summary(folder / "ingestion_summary.json", raw_file())
    metadata = describe((TARGET,))
    metadata.write(folder / "feature_metadata.json")
    (folder / "feature_store.parquet").write_bytes(b"features")
    (folder / "splits").mkdir()
    for side in ("train", "validation", "calibration", "test"):
        (folder / f"splits/{side}.parquet").write_bytes(side.encode())
    snapshot = TrainingSnapshot(
        raw={"application_train.csv": "1" * 64},
        sql=metadata.sql_sha256,
        catalogue=metadata.catalogue_sha256,
        feature_store=sha256_of(folder / "feature_store.parquet"),
        splits={
            side: sha256_of(folder / f"splits/{side}.parquet")
            for side in ("train", "validation", "calibration")
        },
    )
    seal(fitted(), tables(), snapshot, folder / "bundle")
    return folder


@pytest.fixture
def folder(sound: Path, tmp_path: Path) -> Path:
    """A copy of the sound folder, to break."""
    return Path(shutil.copytree(sound, tmp_path / "pieces"))


def trace(folder: Path, **sections: Any) -> DataLineage:
    """The lineage of a folder's pieces."""
    defaults = {
        "ingest": IngestSettings(),
        "contracts": ContractSettings(),
        "split": SplitSettings(),
        "fit_model": settings(),
        "policy": PolicySettings(),
        "evaluate": EvaluateSettings(),
    }
    paths = LineageFiles(
        ingestion_summary=folder / "ingestion_summary.json",
        feature_metadata=folder / "feature_metadata.json",
        feature_store=folder / "feature_store.parquet",
        splits=folder / "splits",
        bundle=folder / "bundle",
    )
    return trace_lineage(paths, LineageParameters(**{**defaults, **sections}))


def edit(path: Path, **changes: Any) -> None:
    """Change fields of a JSON file."""
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_a_sound_chain_names_every_link(folder: Path) -> None:
    """Raw, SQL, catalogue, features, all four sides, parameters, source and bundle are there."""
    lineage = trace(folder)
    assert lineage.raw["application_train.csv"].sha256 == "1" * 64
    assert lineage.sql_sha256 == describe(()).sql_sha256
    assert lineage.feature_store_sha256 == sha256_of(folder / "feature_store.parquet")
    assert set(lineage.split_sha256) == {"train", "validation", "calibration", "test"}
    sections = {"ingest", "contracts", "split", "fit_model", "policy", "evaluate"}
    assert set(lineage.parameters) == sections
    assert lineage.bundle.sha256 == sha256_of(folder / "bundle/manifest.json")
    assert lineage.bundle.files["booster.txt"] == sha256_of(folder / "bundle/booster.txt")
    assert lineage.bundle.libraries


def test_the_same_pieces_give_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    """Neither time, place nor commit is in the report."""
    trace(folder).write(tmp_path / "first.json")
    moved = folder.rename(tmp_path / "elsewhere")
    trace(moved).write(tmp_path / "second.json")
    assert (tmp_path / "first.json").read_bytes() == (tmp_path / "second.json").read_bytes()
    assert str(tmp_path) not in (tmp_path / "first.json").read_text()


def test_the_chain_hash_changes_with_any_link(folder: Path) -> None:
    """The test side and a parameter that no hash covers change it too."""
    seen = {trace(folder).chain_sha256, trace(folder).chain_sha256}
    seen.add(trace(folder, evaluate=EvaluateSettings(ece_bins=7)).chain_sha256)
    (folder / "splits/test.parquet").write_bytes(b"other rows")
    seen.add(trace(folder).chain_sha256)
    assert len(seen) == 3


def broken_raw(folder: Path) -> None:
    """Another raw file was taken in since."""
    write_summary(folder / "ingestion_summary.json", raw_file("9" * 64))


def added_raw(folder: Path) -> None:
    """A raw file more was taken in since."""
    other = raw_file().model_copy(update={"file": "bureau.csv"})
    write_summary(folder / "ingestion_summary.json", raw_file(), other)


def broken_sql(folder: Path) -> None:
    """The features were computed by another query."""
    path = folder / "feature_metadata.json"
    sql = json.loads(path.read_text())["sql_sha256"]
    edit(path, sql_sha256={**sql, "bureau.sql": "8" * 64})


def broken_catalogue(folder: Path) -> None:
    """The features were computed under another catalogue."""
    edit(folder / "feature_metadata.json", catalogue_sha256="7" * 64)


def broken_features(folder: Path) -> None:
    """The feature table was computed anew."""
    (folder / "feature_store.parquet").write_bytes(b"other features")


def broken_split(folder: Path) -> None:
    """A side was written anew."""
    (folder / "splits/calibration.parquet").write_bytes(b"other rows")


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (broken_raw, "raw file application_train.csv: ingest_data recorded 999999999999"),
        (added_raw, "raw file bureau.csv: ingest_data recorded 111111111111, the bundle nothing"),
        (broken_sql, "feature SQL bureau.sql: build_feature_store recorded 888888888888"),
        (broken_catalogue, "catalogue catalogue.yaml: build_feature_store recorded 777777777777"),
        (broken_features, "feature table feature_store.parquet"),
        (broken_split, "split calibration: split_data recorded"),
    ],
)
def test_a_broken_link_is_refused(folder: Path, break_it: Any, message: str) -> None:
    """Pieces that name different content do not make a chain; exit code 1."""
    break_it(folder)
    with pytest.raises(BrokenLineage) as refusal:
        trace(folder)
    assert message in str(refusal.value)
    assert refusal.value.exit_code == 1


def test_all_broken_links_are_named_at_once(folder: Path) -> None:
    """One run tells everything that is wrong."""
    broken_raw(folder)
    broken_split(folder)
    with pytest.raises(BrokenLineage) as refusal:
        trace(folder, fit_model=settings(learning_rate=0.2))
    assert len(refusal.value.disagreements) == 3


def test_other_training_parameters_are_refused(folder: Path) -> None:
    """A bundle that was trained with other parameters is not the one params.yaml describes."""
    with pytest.raises(BrokenLineage, match=r"fit_model\.learning_rate: params\.yaml says 0\.2"):
        trace(folder, fit_model=settings(learning_rate=0.2))


def test_other_code_than_trained_the_bundle_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The chain holds the code's content, so it must be the code that trained the model."""
    monkeypatch.setattr("creditrisk.mlops.lineage.source_sha256", lambda: "6" * 64)
    with pytest.raises(BrokenLineage, match="not the code that trained the bundle"):
        trace(folder)


@pytest.mark.parametrize("name", ["ingestion_summary.json", "feature_metadata.json"])
def test_a_missing_report_is_refused(folder: Path, name: str) -> None:
    """A chain with a hole is no chain."""
    (folder / name).unlink()
    with pytest.raises(MissingFile, match=name):
        trace(folder)


@pytest.mark.parametrize(
    ("name", "stage"),
    [("feature_store.parquet", "build_feature_store"), ("splits/test.parquet", "split_data")],
)
def test_missing_data_are_refused(folder: Path, name: str, stage: str) -> None:
    """The refusal names the stage that writes what is missing."""
    (folder / name).unlink()
    with pytest.raises(MissingFile, match=stage):
        trace(folder)


def test_a_changed_bundle_is_refused(folder: Path) -> None:
    """The end of the chain vouches for itself first."""
    (folder / "bundle/booster.txt").write_text("tree")
    with pytest.raises(BundleRefused):
        trace(folder)


def test_addresses_are_recorded_without_secrets(folder: Path) -> None:
    """User, password and query of a source never reach the report."""
    secret = "https://user:pass" + "word@example.org/raw?token=t0ken"
    source = IngestSettings(source=secret, files={"bureau.csv": SourceSettings(uri=secret)})
    text = trace(folder, ingest=source).model_dump_json()
    assert "example.org/raw" in text
    assert not any(word in text for word in ("password", "t0ken", "user"))


def test_the_source_hash_is_of_content(tmp_path: Path) -> None:
    """Names and contents count, compiled files do not."""
    (tmp_path / "package").mkdir()
    module = tmp_path / "package/module.py"
    module.write_text("one = 1\n")
    before = package_sha256(tmp_path)
    (tmp_path / "package/__pycache__").mkdir()
    (tmp_path / "package/__pycache__/module.pyc").write_bytes(b"compiled")
    assert package_sha256(tmp_path) == before
    module.write_text("one = 2\n")
    assert package_sha256(tmp_path) != before
    module.write_text("one = 1\n")
    module.rename(tmp_path / "package/renamed.py")
    assert package_sha256(tmp_path) != before


def test_the_training_snapshot_of_the_simulation_is_not_this_chain(folder: Path) -> None:
    """A bundle trained on other data is refused, whatever else agrees."""
    shutil.rmtree(folder / "bundle")
    seal(fitted(), tables(), SNAPSHOT, folder / "bundle")
    with pytest.raises(BrokenLineage, match="feature table"):
        trace(folder)


def test_the_metadata_read_is_the_metadata_written(folder: Path) -> None:
    """The builder's metadata is what the feature stage writes."""
    assert FeatureMetadata.read(folder / "feature_metadata.json") == describe((TARGET,))


@pytest.mark.parametrize(
    ("policy", "problem"),
    [
        (PolicySettings(approve_below=0.12), "approve_below: params.yaml means 0.12"),
        (PolicySettings(prohibited_inputs={}), r"prohibited_inputs: params.yaml means \[\]"),
        (
            PolicySettings(
                protected_attributes={"children": ProtectedAttribute(column="CNT_CHILDREN")}
            ),
            r"protected_attributes: params.yaml means \['CNT_CHILDREN'\]",
        ),
    ],
)
def test_a_policy_that_the_bundle_was_not_sealed_with_breaks_the_chain(
    folder: Path, policy: PolicySettings, problem: str
) -> None:
    """A policy is sealed with the model; another one needs another model."""
    with pytest.raises(BrokenLineage, match=f"policy.{problem}"):
        trace(folder, policy=policy)
