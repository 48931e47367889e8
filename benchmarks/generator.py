"""Generate a portfolio and print what it takes and how it compares with the real files."""

from __future__ import annotations

import argparse
import csv
import sys
import tempfile
import threading
import time
from pathlib import Path

import duckdb
import numpy as np
import psutil

KAGGLE_APPLICANTS = 307_511
# Rows and bytes of the real files of a labelled snapshot.
KAGGLE_FILES = {
    "application_train.csv": (307_511, 166_133_370),
    "bureau.csv": (1_716_428, 170_016_717),
    "bureau_balance.csv": (27_299_925, 375_592_889),
    "previous_application.csv": (1_670_214, 404_973_293),
    "POS_CASH_balance.csv": (10_001_358, 392_703_158),
    "installments_payments.csv": (13_605_401, 723_118_349),
    "credit_card_balance.csv": (3_840_312, 424_582_605),
}
POLL_SECONDS = 0.05
GIB = 1 << 30


def main() -> None:
    """Measure one generation."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--applicants", type=int, default=KAGGLE_APPLICANTS)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--chunk", default="medium")
    parser.add_argument("--out", type=Path, help="keep the files here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.out or Path(scratch)
        report_cost(folder, options)
        report_files(folder, options.applicants)
        report_truth(folder)


def report_cost(folder: Path, options: argparse.Namespace) -> None:
    """Generate in a process of its own and print seconds and peak memory, all workers included."""
    command = [sys.executable, "-m", "creditrisk.pipelines.generate_data"]
    command += ["--applicants", str(options.applicants), "--threads", str(options.threads)]
    command += ["--chunk", options.chunk]
    command += ["--out", str(folder / "raw"), "--truth", str(folder / "truth")]
    started = time.perf_counter()
    process = psutil.Popen(command)
    watch = Watch(process)
    watch.start()
    exit_code = process.wait()
    watch.join()
    if exit_code:
        sys.exit(exit_code)
    wall = time.perf_counter() - started
    print(f"{options.applicants:,} applicants, {options.threads} threads, chunk {options.chunk}")
    print(f"wall {wall:.1f} s, processor {watch.seconds:.1f} s, peak {watch.peak / GIB:.2f} GiB\n")


class Watch(threading.Thread):
    """Sums up the memory (proportional share) and the processor time of a process and its workers."""

    def __init__(self, process: psutil.Popen) -> None:
        super().__init__(daemon=True)
        self.process = process
        self.peak = 0
        self.spent: dict[int, float] = {}

    @property
    def seconds(self) -> float:
        """Processor seconds, user and system, of every process seen."""
        return sum(self.spent.values())

    def run(self) -> None:
        """Look until the process ends."""
        while self.process.poll() is None:
            self.peak = max(self.peak, self._memory())
            time.sleep(POLL_SECONDS)

    def _memory(self) -> int:
        total = 0
        try:
            for each in [self.process, *self.process.children(recursive=True)]:
                total += each.memory_info().rss
                times = each.cpu_times()
                self.spent[each.pid] = times.user + times.system
        except psutil.NoSuchProcess:
            return 0
        return total


def report_files(folder: Path, applicants: int) -> None:
    """Print rows and bytes of each file next to the real file's, scaled to as many applicants."""
    scale = applicants / KAGGLE_APPLICANTS
    print(f"{'file':<28}{'rows':>12}{'real':>12}{'bytes':>15}{'real':>15}")
    totals = np.zeros(4)
    for name, (real_rows, real_bytes) in KAGGLE_FILES.items():
        path = folder / "raw" / name
        figures = np.array(
            [lines(path), real_rows * scale, path.stat().st_size, real_bytes * scale]
        )
        totals += figures
        print(line(name, figures))
    print(line("total", totals) + "\n")


def line(name: str, figures: np.ndarray) -> str:
    """One line of the table of files."""
    rows, real_rows, size, real_size = figures
    return f"{name:<28}{rows:>12,.0f}{real_rows:>12,.0f}{size:>15,.0f}{real_size:>15,.0f}"


def lines(path: Path) -> int:
    """Data rows of a CSV file whose values hold no line ends."""
    with path.open("rb") as stream:
        return sum(block.count(b"\n") for block in iter(lambda: stream.read(1 << 22), b"")) - 1


def report_truth(folder: Path) -> None:
    """Print the default rate and how well the true probability ranks applicants."""
    target = read_target(folder / "raw" / "application_train.csv")
    truth = duckdb.read_parquet(str(folder / "truth" / "application_train.parquet")).fetchnumpy()
    order = np.argsort(truth["SK_ID_CURR"])
    probability = truth["TRUE_PD"][order]
    auc = roc_auc(target, probability)
    print(f"default rate {target.mean():.4f}, mean true PD {probability.mean():.4f}")
    print(f"true PD: ROC-AUC {auc:.4f}, Gini {2 * auc - 1:.4f}")
    print("Figures on generated data say nothing about any real portfolio.")


def read_target(path: Path) -> np.ndarray:
    """TARGET of each applicant in the order of their ids."""
    with path.open(newline="", encoding="utf-8") as stream:
        rows = sorted(
            (int(row["SK_ID_CURR"]), int(row["TARGET"])) for row in csv.DictReader(stream)
        )
    return np.array([target for _, target in rows])


def roc_auc(target: np.ndarray, score: np.ndarray) -> float:
    """Area under the ROC curve; the true probabilities hold no ties."""
    ranks = np.empty(len(score))
    ranks[np.argsort(score)] = np.arange(1, len(score) + 1)
    positives = int(target.sum())
    negatives = len(target) - positives
    return float(
        (ranks[target == 1].sum() - positives * (positives + 1) / 2) / (positives * negatives)
    )


if __name__ == "__main__":
    main()
