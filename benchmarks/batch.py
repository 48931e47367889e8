"""Measure batch scoring beside the bare native booster on the same rows and threads.

python benchmarks/batch.py --input data/processed/feature_store.parquet --bundle models/credit_risk_pd

The bare booster has everything for free: its matrix is encoded and in memory, its scores go
nowhere. A batch reads, checks, scores, writes, hashes and, where asked, records and explains. Both
are measured in turn in one process, so that both see the same machine; imports and the loading of
the model count for neither. One table: wall and processor seconds, rows a second, each as a ratio to
the booster, the best of all repeats.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from pyarrow import csv, parquet

from creditrisk.core.settings import ResourceSettings, Settings
from creditrisk.data.sources.location import Location
from creditrisk.ledger.decisions import DecisionLedger
from creditrisk.mlops.served import unregistered
from creditrisk.models.native import LightGBMBooster
from creditrisk.scoring.batch.job import run_batch
from creditrisk.scoring.batch.request import BatchModel, BatchRequest
from creditrisk.scoring.scorer import Scorer

if TYPE_CHECKING:
    import pyarrow as pa

TARGET_RATIO = 0.8
Cost = tuple[float, float]


def main() -> None:
    """Measure each form in turn and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--input", type=Path, required=True, help="a feature table, Parquet")
    parser.add_argument("--bundle", type=Path, required=True, help="a LightGBM model")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument(
        "--reason-rows", type=int, default=20_000, help="rows of the run with reasons"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="creditrisk-bench-") as name:
        Bench(Path(name), options.input, options.bundle, options.threads).report(
            options.repeats, options.reason_rows
        )


class Bench:
    """One model, one table, one number of threads."""

    def __init__(self, folder: Path, source: Path, bundle: Path, threads: int) -> None:
        self.folder = folder
        self.settings = Settings(resources=ResourceSettings(threads=threads))
        self.scorer = Scorer.load(bundle, threads)
        self.table = parquet.read_table(source)
        self.threads = threads
        self.runs = 0

    def report(self, repeats: int, reason_rows: int) -> None:
        """Measure and print."""
        whole = self.saved("rows.parquet", self.table)
        text = self.saved("rows.csv", self.table)
        few = self.table.slice(0, reason_rows)
        some = self.saved("few.parquet", few)
        print(f"{self.table.num_rows:,} rows, {self.threads} threads, best of {repeats}\n")
        self.compare(
            self.table,
            {
                "Parquet, no ledger": lambda: self.batch(whole, ledger=False),
                "Parquet, ledger": lambda: self.batch(whole),
                "CSV, ledger": lambda: self.batch(text),
            },
            repeats,
        )
        print(f"\nThe first {few.num_rows:,} rows:\n")
        self.compare(
            few,
            {
                "Parquet, ledger": lambda: self.batch(some),
                "Parquet, ledger, reasons": lambda: self.batch(some, reasons=True),
            },
            repeats,
        )
        print(f"\nbudget: Parquet at {TARGET_RATIO:.0%} of the booster's rows a second")

    def compare(self, table: pa.Table, forms: dict[str, Callable[[], None]], repeats: int) -> None:
        """Time the booster and each form in turn, and print what each took."""
        text = self.scorer.bundle.contents["booster.txt"]
        booster, matrix = LightGBMBooster(text), self.scorer.encode(table)
        actions = {"bare booster": lambda: booster.raw_scores(matrix, self.threads), **forms}
        costs: dict[str, list[Cost]] = {name: [] for name in actions}
        for _ in range(repeats):
            for name, action in actions.items():
                costs[name].append(cost_of(action))
        best = {name: tuple(map(min, zip(*found, strict=True))) for name, found in costs.items()}
        print(f"{'':<26}{'wall s':>8}{'rows/s':>10}{'ratio':>7}{'cpu s':>8}{'ratio':>7}")
        wall, processor = best["bare booster"]
        for name, (seconds, cpu) in best.items():
            print(
                f"{name:<26}{seconds:>8.2f}{table.num_rows / seconds:>10,.0f}"
                f"{wall / seconds:>7.2f}{cpu:>8.2f}{processor / cpu:>7.2f}",
                flush=True,
            )

    def batch(self, source: Path, *, ledger: bool = True, reasons: bool = False) -> None:
        """One batch into a new output."""
        self.runs += 1
        out = self.folder / f"out_{self.runs}"
        request = BatchRequest(
            input=Location(str(source)),
            output=Location(f"{out}{source.suffix}"),
            rejects=Location(f"{out}.rejects.csv"),
            summary=Location(f"{out}.summary.json"),
            reasons=reasons,
        )
        model = BatchModel(self.scorer, unregistered(self.scorer.bundle))
        with self.opened() if ledger else nullcontext() as decisions:
            run_batch(request, model, self.settings, decisions)
        request.output.path.unlink()

    def opened(self) -> DecisionLedger:
        """A ledger of this measurement."""
        url = f"sqlite:///{self.folder / 'ledger.db'}"
        return DecisionLedger.open(url, anchor=self.folder / "anchor.json")

    def saved(self, name: str, table: pa.Table) -> Path:
        """The table in a file."""
        path = self.folder / name
        write = csv.write_csv if path.suffix == ".csv" else parquet.write_table
        write(table, path)
        return path


def cost_of(action: Callable[[], object]) -> Cost:
    """Wall and processor seconds of a call, on all threads."""
    wall, processor = time.perf_counter(), time.process_time()
    action()
    return time.perf_counter() - wall, time.process_time() - processor


if __name__ == "__main__":
    main()
