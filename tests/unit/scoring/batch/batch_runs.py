"""Builders of batches: feature files, and runs of a small model."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import csv, parquet
from simulated_lending import applicants

from creditrisk.core.settings import ResourceSettings, Settings
from creditrisk.data.sources.location import Location
from creditrisk.ledger.decisions import DecisionLedger
from creditrisk.scoring.batch.job import run_batch
from creditrisk.scoring.batch.request import BatchModel, BatchRequest, beside
from creditrisk.scoring.batch.summary import BatchSummary

FIRST_ID = 100_001


def feature_rows(rows: int, seed: int = 1) -> pa.Table:
    """Feature rows that keep their contract, with the outcome as a further column."""
    table = applicants(rows, seed).drop(["TRUE_PD"])
    income = table.column("NAME_INCOME_TYPE").fill_null("Working")
    place = table.schema.names.index("NAME_INCOME_TYPE")
    table = table.set_column(place, "NAME_INCOME_TYPE", income)
    return table.set_column(0, "SK_ID_CURR", pa.array(np.arange(rows) + FIRST_ID))


def with_cell(table: pa.Table, column: str, row: int, value: Any) -> pa.Table:
    """The table with one cell replaced; rows count from 1."""
    values = table.column(column).to_pylist()
    values[row - 1] = value
    place = table.schema.names.index(column)
    return table.set_column(place, column, pa.array(values, table.schema.types[place]))


def lines_of(table: pa.Table) -> list[str]:
    """The table as the lines of a CSV file."""
    sink = pa.BufferOutputStream()
    csv.write_csv(table, sink)
    return sink.getvalue().to_pybytes().decode().splitlines()


@dataclass(frozen=True)
class Batches:
    """Runs batches of one model in a folder of their own."""

    folder: Path
    model: BatchModel
    ledger: DecisionLedger

    def saved(self, table: pa.Table, name: str = "rows.parquet") -> Path:
        """The table in a file, CSV or Parquet by its name."""
        path = self.folder / name
        write = csv.write_csv if path.suffix == ".csv" else parquet.write_table
        write(table, path)
        return path

    def text(self, lines: Sequence[str], name: str = "rows.csv") -> Path:
        """Lines as a CSV file."""
        path = self.folder / name
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return path

    def run(
        self,
        source: Path | str,
        output: Path | str = "out.parquet",
        *,
        threads: int = 2,
        recorded: bool = True,
        **options: Any,
    ) -> BatchSummary:
        """Run a batch; outputs that are only names go into the folder."""
        place = str(output) if "://" in str(output) else str(self.folder / output)
        request = BatchRequest(
            input=Location(str(source)),
            output=Location(place),
            rejects=Location(beside(place, ".rejects.csv")),
            summary=Location(beside(place, ".summary.json")),
            **options,
        )
        settings = Settings(resources=ResourceSettings(threads=threads, memory_limit="500MB"))
        return run_batch(request, self.model, settings, self.ledger if recorded else None)

    def answers(self, name: str = "out.parquet") -> pa.Table:
        """What a batch wrote."""
        path = self.folder / name
        return csv.read_csv(path) if path.suffix == ".csv" else parquet.read_table(path)

    def rejects(self, name: str = "out.rejects.csv") -> list[dict[str, Any]]:
        """The rejects that a batch wrote."""
        rows: list[dict[str, Any]] = csv.read_csv(self.folder / name).to_pylist()
        return rows

    def record(self, batch_id: str) -> dict[str, Any]:
        """What the ledger holds of a batch."""
        content: dict[str, Any] = json.loads(self.ledger.get(batch_id).content or b"{}")
        return content

    def pds(self, table: pa.Table) -> list[float]:
        """The PDs that the model gives these rows."""
        found: list[float] = self.model.scorer.probabilities(table).tolist()
        return found
