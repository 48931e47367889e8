"""Measure the ledger: appends a second singly and in batches, verification, growth.

    python benchmarks/ledger.py
    python benchmarks/ledger.py --url postgresql+psycopg://user@host/database --rows 20000

prints one table. The entries are as large as a scoring decision with four reasons.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from creditrisk.ledger import Ledger

KEY = "only for this measurement, and long enough"
SINGLE_APPENDS = 300
BATCH = 100
DECISION = {
    "decision_id": "0f8fad5b-d9cb-469f-a165-70867728950e",
    "applicant": 100_001,
    "bundle_sha256": "6" * 64,
    "version": "3",
    "pd": 0.08512,
    "grade": "D",
    "decision": "approve",
    "reasons": ["R01", "R07", "R12", "R20"],
    "input_sha256": "a" * 64,
}


def main() -> None:
    """Fill a ledger and print what it took."""
    arguments = _arguments()
    with tempfile.TemporaryDirectory() as folder:
        url = arguments.url or f"sqlite:///{folder}/ledger.db"
        with Ledger.open(url, KEY, Path(folder) / "anchor.json") as ledger:
            rows = _measured(ledger, arguments.rows)
        file = Path(folder) / "ledger.db"
        if file.exists():
            rows.append(("bytes an entry", f"{file.stat().st_size / arguments.rows:.0f}", ""))
    sys.stdout.write(f"{'':<26}{'result':>12}{'cpu s':>8}\n")
    for name, result, processor in rows:
        sys.stdout.write(f"{name:<26}{result:>12}{processor:>8}\n")


def _measured(ledger: Ledger, total: int) -> list[tuple[str, str, str]]:
    def singly() -> None:
        for _ in range(SINGLE_APPENDS):
            ledger.append("scoring", DECISION)

    def in_batches() -> None:
        for _ in range((total - SINGLE_APPENDS) // BATCH):
            ledger.append_many("scoring", [DECISION] * BATCH)

    def verified() -> None:
        if not ledger.verify().is_whole:
            sys.exit("the ledger is not whole")

    wall, processor = _timed(singly)
    rows = [("appends/s, one by one", f"{SINGLE_APPENDS / wall:,.0f}", f"{processor:.2f}")]
    wall, processor = _timed(in_batches)
    batched = (total - SINGLE_APPENDS) // BATCH * BATCH
    rows.append((f"appends/s, batches of {BATCH}", f"{batched / wall:,.0f}", f"{processor:.2f}"))
    wall, processor = _timed(verified)
    rows.append((f"verify {total:,} entries", f"{wall:.2f} s", f"{processor:.2f}"))
    return rows


def _timed(work: Callable[[], None]) -> tuple[float, float]:
    wall, processor = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - processor


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--url", help="an empty database; else SQLite in a temporary folder")
    return parser.parse_args()


if __name__ == "__main__":
    main()
