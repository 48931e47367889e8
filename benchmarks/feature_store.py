"""Measure contracts plus feature store beside a bare scan of the same files.

python benchmarks/feature_store.py --raw DIR
python benchmarks/feature_store.py --applicants 30000

prints one table: wall and processor seconds, peak memory, each as a ratio to the scan, and whether
every build wrote the same bytes.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import duckdb

from creditrisk.contracts.tables import RAW_FILES, raw_tables
from creditrisk.core.files import sha256_of
from measure import Cost, run

SCAN_TYPES = {"integer": "BIGINT", "real": "DOUBLE", "category": "VARCHAR"}
# Threads and memory limit of each build; the first is what the budget is about.
BUILDS = ((2, "4GB"), (1, "4GB"), (4, "4GB"), (2, "2GB"))
WALL_BUDGET = 1.6
MEMORY_BUDGET_GIB = 4


def main() -> None:
    """Scan, build, compare."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--raw", type=Path, help="a folder with the raw files")
    parser.add_argument("--applicants", type=int, help="generate that many applicants first")
    parser.add_argument("--repeats", type=int, default=2, help="runs of scan and first build")
    parser.add_argument("--only-scan", action="store_true", help="scan and say nothing")
    options = parser.parse_args()
    if options.only_scan:
        scan(options.raw)
        return
    with tempfile.TemporaryDirectory(prefix="creditrisk-bench-") as name:
        folder = Path(name)
        raw = options.raw or generate(folder, options.applicants)
        report(folder, raw.resolve(), options.repeats)


def generate(folder: Path, applicants: int) -> Path:
    """Write a generated portfolio; what that takes is not measured."""
    raw = folder / "raw"
    command = [sys.executable, "-m", "creditrisk.pipelines.generate_data"]
    arguments = ["--applicants", str(applicants), "--out", str(raw), "--truth", str(folder / "t")]
    run(command + arguments, folder, folder / "log")
    return raw


def scan(raw: Path) -> None:
    """Read every column of the seven files with declared types on two threads, keeping nothing."""
    with duckdb.connect(config={"threads": 2}) as connection:
        for file, table in RAW_FILES.items():
            columns = raw_tables()[table].columns
            rows = connection.read_csv(
                str(raw / file),
                header=True,
                auto_detect=False,
                columns={column.name: SCAN_TYPES[column.type] for column in columns},
            )
            rows.aggregate(", ".join(f"count({column.name})" for column in columns)).fetchall()


def report(folder: Path, raw: Path, repeats: int) -> None:
    """Measure each in a process of its own and print the table."""
    scan_command = [sys.executable, __file__, "--only-scan", "--raw", str(raw)]
    scans, firsts = [], []
    for _ in range(repeats):  # in turn, so that both see the same machine
        scans.append(run(scan_command, folder, folder / "log"))
        firsts.append(run(build_command(folder, raw, 0), folder, folder / "log"))
    bare = quickest(scans)
    print(f"{'':<28}{'wall s':>8}{'ratio':>7}{'cpu s':>8}{'ratio':>7}{'peak GiB':>10}")
    print_cost("scan, 2 threads", bare, bare)
    for number, (threads, memory) in enumerate(BUILDS):
        again = [run(build_command(folder, raw, number), folder, folder / "log")] if number else []
        print_cost(f"build, {threads} threads, {memory}", quickest(again or firsts), bare)
    digests = {sha256_of(table_path(folder, number)) for number in range(len(BUILDS))}
    print(f"\nbytes of the feature table: {'identical' if len(digests) == 1 else 'DIFFERENT'}")
    print(f"budget: wall ratio {WALL_BUDGET}, peak {MEMORY_BUDGET_GIB} GiB")


def build_command(folder: Path, raw: Path, number: int) -> list[str]:
    """The stage as it runs outside DVC."""
    threads, memory = BUILDS[number]
    outputs = {
        "out": table_path(folder, number),
        "metadata": folder / "metadata.json",
        "validation": folder / "verdict.json",
        "summary": folder / "summary.json",
    }
    command = [sys.executable, "-m", "creditrisk.pipelines.build_feature_store", "--raw", str(raw)]
    command += [word for flag, path in outputs.items() for word in (f"--{flag}", str(path))]
    return [*command, "--threads", str(threads), "--memory-limit", memory]


def table_path(folder: Path, number: int) -> Path:
    """Where a build writes its table."""
    return folder / f"features_{number}.parquet"


def quickest(costs: list[Cost]) -> Cost:
    """The run that waited least for others."""
    return min(costs, key=lambda cost: cost.wall_seconds)


def print_cost(label: str, cost: Cost, bare: Cost) -> None:
    """Print one row of the table."""
    wall, processor = cost.wall_seconds, cost.processor_seconds
    print(
        f"{label:<28}{wall:>8.1f}{wall / bare.wall_seconds:>7.2f}{processor:>8.1f}"
        f"{processor / bare.processor_seconds:>7.2f}{cost.peak_gib:>10.2f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
