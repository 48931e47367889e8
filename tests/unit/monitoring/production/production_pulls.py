"""Builders of production data for a small model: files, and what is measured of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import csv, parquet
from simulated_lending import FEATURES, SNAPSHOT, applicants, fitted, tables

from creditrisk.core.files import sha256_of
from creditrisk.core.settings import IngestSettings, Settings
from creditrisk.mlops.bundle import seal
from creditrisk.models.training import TrainingTables
from creditrisk.monitoring.production.measurement import measure_production
from creditrisk.monitoring.production.pull import Pull
from creditrisk.monitoring.production.report import ProductionDriftReport
from creditrisk.monitoring.production.source import open_pull
from creditrisk.scoring.scorer import Scorer

FIRST_ID = 100_001
SETTINGS = Settings(ingest=IngestSettings(retries=0))


@dataclass(frozen=True)
class Model:
    """A model, and the file of the rows that it was trained on."""

    scorer: Scorer
    training: Path


def keeping_contract(table: pa.Table) -> pa.Table:
    """The applicants with ids and incomes as the contract wants them."""
    ids = pa.array(np.arange(table.num_rows) + FIRST_ID)
    filled = table.column("NAME_INCOME_TYPE").fill_null("Working")
    return with_columns(table, SK_ID_CURR=ids, NAME_INCOME_TYPE=filled)


def with_columns(table: pa.Table, **columns: Any) -> pa.Table:
    """The table with columns replaced or added."""
    for name, values in columns.items():
        column = values if isinstance(values, pa.ChunkedArray) else pa.array(values)
        place = table.schema.get_field_index(name)
        if place < 0:
            table = table.append_column(name, column)
        else:
            table = table.set_column(place, name, column)
    return table


def production_rows(rows: int = 3_000, seed: int = 40, **columns: Any) -> pa.Table:
    """Applicants of the law that the model was trained on, without outcomes."""
    table = keeping_contract(applicants(rows, seed)).drop(["TRUE_PD", "TARGET"])
    return with_columns(table, **columns)


@cache
def training_table() -> pa.Table:
    """The model's training side."""
    return keeping_contract(tables().train)


def sealed_model(folder: Path, training: Path) -> Model:
    """The model of `simulated_lending`, sealed on the training rows in that file."""
    sides = tables()
    own = TrainingTables(training_table(), sides.validation, sides.calibration)
    digest = {**SNAPSHOT.splits, "train": sha256_of(training)}
    snapshot = SNAPSHOT.model_copy(update={"splits": digest})
    bundle = seal(fitted(), own, snapshot, folder / "credit_risk_pd")
    return Model(Scorer.load(bundle.folder), training)


def saved(table: pa.Table, path: Path) -> Path:
    """The table in a file, CSV or Parquet by its name."""
    if path.suffix == ".csv":
        csv.write_csv(table, path)
    else:
        parquet.write_table(table, path)
    return path


def pulled(table: pa.Table, folder: Path, name: str = "pull.parquet") -> Pull:
    """The pull that the table is as a file."""
    return open_pull(str(saved(table, folder / name)), FEATURES, SETTINGS, folder)


def measured(table: pa.Table, folder: Path, model: Model, **options: Any) -> ProductionDriftReport:
    """The report on the table as a pull."""
    return measure_production(pulled(table, folder), model.scorer, SETTINGS, **options)
