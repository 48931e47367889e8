"""How often the validation passes on demos that differ by their seed alone.

    python benchmarks/seeds.py --seeds 100 --workers 2 --out seeds.csv

Each seed generates a portfolio of its own and takes it through the stages up to validate_model, in
a folder of its own that is removed afterwards. One row a seed and check is added to the CSV file;
seeds that stand there are not run again: remove the rows of a seed to run it anew. The counts are
printed at the end.
"""

from __future__ import annotations

import argparse
import csv
import io
import os
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
STAGES = (
    "ingest_data",
    "build_feature_store",
    "split_data",
    "summarise_validation",
    "fit_model",
    "evaluate_train",
    "evaluate_test",
    "record_lineage",
    "monitor_drift",
    "validate_model",
)
FIELDS = ("seed", "check", "required", "status", "observed")
DECISION = "decision"
NOT_FINISHED = "not finished"

Row = dict[str, str]

# Runs the stages that are named in one process: their imports are what a short stage costs most.
RUN_STAGES = """
import importlib, sys, warnings
from pathlib import Path
from creditrisk.core.errors import CreditRiskError
from creditrisk.pipelines.evaluate import Side
from creditrisk.testing.post_training import ValidationRefused
warnings.simplefilter("ignore")
try:
    for command in sys.argv[1:]:
        module, *flags = command.split()
        arguments = {"split": Side(flags[1])} if flags else {}
        importlib.import_module(module).main(**arguments)
except ValidationRefused as refusal:
    print(refusal)
"""


def main() -> None:
    """Run the seeds that are missing, then count."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=6, help="how many")
    parser.add_argument("--first", type=int, default=1000, help="the first seed")
    parser.add_argument("--workers", type=int, default=1, help="how many at a time")
    parser.add_argument("--applicants", type=int, default=30_000)
    parser.add_argument("--out", type=Path, default=Path("seeds.csv"))
    options = parser.parse_args()
    wanted = range(options.first, options.first + options.seeds)
    done = {row["seed"] for row in read_rows(options.out)}
    missing = [seed for seed in wanted if str(seed) not in done]
    threads = max(1, (os.cpu_count() or 1) // options.workers)
    with ThreadPoolExecutor(options.workers) as workers:
        runs = [workers.submit(run_seed, s, options.applicants, threads) for s in missing]
        for count, run in enumerate(as_completed(runs), 1):
            rows = run.result()
            append_rows(options.out, rows)
            print(f"{count} of {len(runs)}: seed {rows[0]['seed']} {rows[0]['status']}", flush=True)
    print_counts([row for row in read_rows(options.out) if int(row["seed"]) in wanted])


def run_seed(seed: int, applicants: int, threads: int) -> list[Row]:
    """The checks of one seed, its decision first."""
    with tempfile.TemporaryDirectory(prefix=f"creditrisk-seed-{seed}-") as name:
        folder = Path(name)
        write_settings(folder / "params.yaml", seed, applicants, threads)
        report = folder / "reports/post_training_validation.json"
        store = f"sqlite:///{folder / 'mlflow.db'}"
        process = subprocess.run(
            [sys.executable, "-c", RUN_STAGES, *commands()],
            cwd=folder,
            env={**os.environ, "MLFLOW_TRACKING_URI": store, "OMP_WAIT_POLICY": "PASSIVE"},
            capture_output=True,
            text=True,
            check=False,
        )
        if not report.exists():
            reason = process.stderr.strip().rpartition("\n")[2]
            return [row_of(seed, DECISION, NOT_FINISHED, reason)]
        return rows_of(seed, report)


def commands() -> list[str]:
    """The module and flags of each stage, as `dvc.yaml` names them."""
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    return [stages[stage]["cmd"].removeprefix("python -m ") for stage in STAGES]


def write_settings(path: Path, seed: int, applicants: int, threads: int) -> None:
    """The demo's settings with another portfolio."""
    settings = yaml.safe_load((ROOT / "params.yaml").read_text())
    settings["ingest"]["synthetic"] |= {"seed": seed, "applicants": applicants}
    settings["resources"] |= {"threads": threads}
    path.write_text(yaml.safe_dump(settings))


def rows_of(seed: int, report: Path) -> list[Row]:
    """The decision and every check of a validation report."""
    from creditrisk.testing.post_training import PostTrainingValidation

    validation = PostTrainingValidation.read(report)
    return [
        row_of(seed, DECISION, validation.decision, " ".join(validation.refused_by)),
        *(
            row_of(
                seed,
                check.id,
                check.status,
                check.observed or check.reason or "",
                str(check.required),
            )
            for check in validation.checks
        ),
    ]


def row_of(seed: int, check: str, status: str, observed: str, required: str = "True") -> Row:
    """One row of the CSV file."""
    cells = (str(seed), check, required, status, observed)
    return dict(zip(FIELDS, cells, strict=True))


def read_rows(path: Path) -> list[Row]:
    """The rows that were written so far."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def append_rows(path: Path, rows: list[Row]) -> None:
    """Add rows in one write, so that a stopped run leaves whole seeds."""
    text = io.StringIO()
    writer = csv.DictWriter(text, FIELDS)
    if not path.exists():
        writer.writeheader()
    writer.writerows(rows)
    with path.open("a", newline="", encoding="utf-8") as stream:
        stream.write(text.getvalue())


def print_counts(rows: list[Row]) -> None:
    """How many seeds each check passed, and which seeds were refused."""
    counts: dict[str, Counter[str]] = {}
    for row in rows:
        counts.setdefault(row["check"], Counter())[row["status"]] += 1
    for check, statuses in counts.items():
        shown = ", ".join(f"{status} {count}" for status, count in sorted(statuses.items()))
        print(f"{check:<26}{shown}")
    for row in rows:
        if row["check"] == DECISION and row["status"] != "passed":
            print(f"seed {row['seed']} {row['status']}: {row['observed']}")


if __name__ == "__main__":
    main()
