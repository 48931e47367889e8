"""Measure the drift report of two large samples: wall and processor seconds, peak memory.

python benchmarks/drift.py --features data/processed/feature_store.parquet \
    --bundle models/credit_risk_pd --rows 50000

runs the command as a process of its own, imports included, and prints one row a run.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from creditrisk.contracts.tables import APPLICANT_KEY
from measure import Cost, run

WALL_BUDGET_SECONDS = 20
MEMORY_BUDGET_GIB = 1.5


def main() -> None:
    """Write both samples, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--features", type=Path, required=True, help="a feature table")
    parser.add_argument("--bundle", type=Path, required=True, help="the model that scores it")
    parser.add_argument("--rows", type=int, default=50_000, help="of each sample")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="creditrisk-bench-") as name:
        folder = Path(name)
        write_samples(options.features, options.rows, folder)
        (folder / "params.yaml").write_text("{}\n")
        print(f"{options.rows:,} x {options.rows:,} rows")
        print(f"{'':<8}{'wall s':>8}{'cpu s':>8}{'peak GiB':>10}")
        for number in range(options.repeats):
            print_cost(
                f"run {number + 1}", run(command(folder, options.bundle), folder, folder / "log")
            )
        print(f"{'budget':<8}{WALL_BUDGET_SECONDS:>8}{'':>8}{MEMORY_BUDGET_GIB:>10}")


def write_samples(features: Path, rows: int, folder: Path) -> None:
    """Two samples without a common row, or where there are too few, drawn with replacement."""
    table = parquet.read_table(features)
    generator = np.random.default_rng(1)
    if 2 * rows <= table.num_rows:
        drawn = generator.permutation(table.num_rows)[: 2 * rows]
    else:
        drawn = generator.integers(table.num_rows, size=2 * rows)
    for name, part in (("reference", drawn[:rows]), ("current", drawn[rows:])):
        sample = table.take(part)
        key = sample.column_names.index(APPLICANT_KEY)
        numbers = pa.array(np.arange(rows) + (rows if name == "current" else 0))
        parquet.write_table(
            sample.set_column(key, APPLICANT_KEY, numbers), folder / f"{name}.parquet"
        )


def command(folder: Path, bundle: Path) -> list[str]:
    """The stage as it runs outside DVC, with the settings' own defaults."""
    flags = {
        "reference": folder / "reference.parquet",
        "current": folder / "current.parquet",
        "bundle": bundle.resolve(),
        "out": folder / "drift_report.json",
    }
    words = [word for flag, path in flags.items() for word in (f"--{flag}", str(path))]
    return [sys.executable, "-m", "creditrisk.pipelines.monitor_drift", *words]


def print_cost(label: str, cost: Cost) -> None:
    """Print one row of the table."""
    print(
        f"{label:<8}{cost.wall_seconds:>8.1f}{cost.processor_seconds:>8.1f}{cost.peak_gib:>10.2f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
