"""Builders of what the later stages read: a feature table as the catalogue describes it."""

from __future__ import annotations

import shutil
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from creditrisk.contracts.tables import Column
from creditrisk.contracts.verdicts import (
    VALIDATED_STAGES,
    StageVerdict,
    TableVerdict,
    ValidationSummary,
)
from creditrisk.core.settings import ResourceSettings, SplitSettings
from creditrisk.data.ingestion import IngestionSummary, TableIngestion
from creditrisk.data.split import split_features
from creditrisk.features.catalogue import load_catalogue
from creditrisk.features.metadata import describe
from creditrisk.pipelines import train_creditrisk_pd

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2] / "model")]

TARGET_COLUMN = Column(name="TARGET", type="integer", nullable=False, minimum=0, maximum=1)

QUICK_PARAMS = """
fit_model: {max_trees: 40, early_stopping_rounds: 10, learning_rate: 0.1}
registry: {promote_min_value: 0.6}
"""


def feature_table(rows: int = 1_500, seed: int = 0) -> tuple[pa.Table, np.ndarray]:
    """Applicants with every signed-off feature, and the PDs from which their TARGET is drawn."""
    generator = np.random.default_rng(seed)
    columns = {
        column.name: _values(column, rows, generator) for column in load_catalogue().columns()
    }
    risk = columns["EXT_SOURCE_2"].fill_null(0.5).to_numpy(zero_copy_only=False)
    pd = 1 / (1 + np.exp(0.4 + 4.5 * risk))
    ids = {"SK_ID_CURR": pa.array(np.arange(100_001, 100_001 + rows))}
    outcome = {"TARGET": pa.array((generator.random(rows) < pd).astype(np.int32))}
    return pa.table({**ids, **columns, **outcome}), pd


def _values(column: Column, rows: int, generator: np.random.Generator) -> pa.Array:
    missing = generator.random(rows) < (0.1 if column.nullable else 0)
    if column.type == "category":
        return pa.array(generator.choice(np.array(column.categories), rows), mask=missing)
    low = 0 if column.minimum is None else column.minimum
    high = low + 1 if column.maximum is None else min(column.maximum, low + 1)
    if column.type == "integer":
        numbers = generator.integers(int(np.ceil(low)), int(np.floor(high)) + 1, rows)
        return pa.array(numbers, mask=missing)
    return pa.array(low + (high - low) * generator.random(rows), mask=missing)


def write_feature_table(folder: Path, table: pa.Table, pd: np.ndarray) -> None:
    """The table, its metadata and its true PDs where the stages look for them."""
    for name in ("data/processed", "data/truth", "reports"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    pq.write_table(table, folder / "data/processed/feature_store.parquet")
    describe((TARGET_COLUMN,)).write(folder / "data/processed/feature_metadata.json")
    truth = pa.table({"SK_ID_CURR": table["SK_ID_CURR"], "TRUE_PD": pd})
    pq.write_table(truth, folder / "data/truth/application_train.parquet")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder of a project whose features are built."""
    monkeypatch.chdir(tmp_path)
    write_feature_table(tmp_path, *feature_table())
    (tmp_path / "params.yaml").write_text("{}\n")
    return tmp_path


@pytest.fixture
def rewrite() -> Callable[[Path, Callable[[pa.Table], pa.Table]], None]:
    """Change a Parquet file of the project."""

    def change(path: Path, edit: Callable[[pa.Table], pa.Table]) -> None:
        pq.write_table(edit(pq.read_table(path)), path)

    return change


@pytest.fixture(scope="session")
def finished_training(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project whose small model is trained and tracked, in a store of its own; only read it."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
        table, pd = feature_table(6_000)
        write_feature_table(folder, table, pd)
        write_ingestion_summary(folder / "reports/ingestion_summary.json")
        write_contract_verdicts(folder / "reports/validation_summary.json")
        (folder / "params.yaml").write_text(QUICK_PARAMS)
        split_features(
            folder / "data/processed/feature_store.parquet",
            folder / "data/splits",
            SplitSettings(),
            ResourceSettings(),
            columns=table.column_names,
            check=_accept,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # MLflow's and SQLAlchemy's own
            train_creditrisk_pd.main()
        yield folder


def _accept(*_: object) -> None:
    """Accept any sides."""


@pytest.fixture
def trained(finished_training: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the trained project to work in; it shares the tracking store."""
    folder = tmp_path / "project"
    shutil.copytree(finished_training, folder, ignore=shutil.ignore_patterns("ml*"))
    monkeypatch.chdir(folder)
    return folder


def write_ingestion_summary(path: Path) -> None:
    """A summary of one raw file that was never written: its checksum is all that counts here."""
    table = TableIngestion(
        file="application_train.csv",
        table="application",
        source="local",
        uri="application_train.csv",
        bytes=100,
        rows=6_000,
        md5="a" * 32,
        sha256="a" * 64,
        schema_fingerprint="b" * 64,
    )
    IngestionSummary(profile="none", tables=(table,), total_bytes=100, total_rows=6_000).write(path)


def write_contract_verdicts(path: Path) -> None:
    """What the contracts say of data without fault."""
    stages = [
        StageVerdict.of(stage, [TableVerdict.of("features", 6_000, [])], {})
        for stage in VALIDATED_STAGES
    ]
    ValidationSummary.of(stages).write(path)
