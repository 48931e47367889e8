"""Measure the ledgers: promotions one by one, decisions by group commit, verification, growth.

    python benchmarks/ledger.py
    python benchmarks/ledger.py --url postgresql+psycopg://user@host/database --rows 20000

prints one table. A promotion's entry has 300 bytes, a decision's content 4 KB of JSON. `cpu us`
is what one entry costs this process, however busy the machine is. `bare commit` is what SQLite
alone needs for one row on this disk; no lone record can be faster.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from creditrisk.ledger import DecisionLedger, Ledger, NewDecision

KEY = "only for this measurement, and long enough"
LONE = 500
BATCH = 100
GROUPS = (32, 256)
SUBMITTERS = 32
SUBMIT_SECONDS = 4.0
PROMOTION = {
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


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    name: str
    result: str
    p50_ms: float | None = None
    p99_ms: float | None = None
    cpu_us: float | None = None

    def __str__(self) -> str:
        latencies = (f"{value:.2f}" if value else "" for value in (self.p50_ms, self.p99_ms))
        cpu = f"{self.cpu_us:.0f}" if self.cpu_us else ""
        return f"{self.name:<44}{self.result:>13}" + "".join(f"{x:>9}" for x in (*latencies, cpu))


def main() -> None:
    """Fill both ledgers and print what it took."""
    arguments = _arguments()
    print(f"{'':<44}{'result':>13}{'p50 ms':>9}{'p99 ms':>9}{'cpu us':>9}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        url = arguments.url or f"sqlite:///{folder}/ledger.db"
        print(_bare_commit(folder))
        for row in _promotions(url, folder, arguments.rows):
            print(row, flush=True)
        before = _bytes(folder)
        for row in _decisions(url, folder, arguments.rows, before):
            print(row, flush=True)


def _bare_commit(folder: Path) -> Row:
    with closing(sqlite3.connect(folder / "bare.db", isolation_level=None)) as connection:
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma synchronous = full")
        connection.execute("create table bare (number integer primary key, text text)")

        def commit(number: int) -> None:
            connection.execute("begin immediate")
            connection.execute("insert into bare values (?, ?)", (number, "x" * 300))
            connection.execute("commit")

        return _singly("bare commit of one row, SQLite", commit)


def _promotions(url: str, folder: Path, rows: int) -> Iterator[Row]:
    with Ledger.open(url, KEY, folder / "anchor.json") as ledger:
        yield _singly("promotion, one by one", lambda _: ledger.append("scoring", PROMOTION))
        batches = rows // BATCH
        yield _repeated(
            f"promotions, batches of {BATCH}",
            lambda: ledger.append_many("scoring", [PROMOTION] * BATCH),
            batches,
            BATCH,
        )
        yield _verified("promotions", ledger)


def _decisions(url: str, folder: Path, rows: int, before: int) -> Iterator[Row]:
    numbers = itertools.count()
    contents = [_content(seed) for seed in range(64)]

    def new(count: int) -> list[NewDecision]:
        return [
            NewDecision("decision", f"decision-{number:012d}", "request-1", contents[number % 64])
            for number in itertools.islice(numbers, count)
        ]

    with DecisionLedger.open(url, KEY, folder / "decisions_anchor.json") as ledger:
        yield _singly("decision, one by one", lambda _: ledger.append(new(1)))
        for size in GROUPS:
            yield _repeated(
                f"decisions, groups of {size}",
                lambda size=size: ledger.append(new(size)),  # type: ignore[misc]
                max(1, rows // len(GROUPS) // size),
                size,
            )
        yield _submitters(lambda: ledger.append(new(1)))
        total = next(numbers)
        yield _verified("decisions", ledger)
        if grown := _bytes(folder) - before:
            yield Row("bytes a decision, with its content", f"{grown / total:,.0f}")
        yield Row("bytes of its content before", f"{len(contents[0]):,}")


def _submitters(submit: Callable[[], None]) -> Row:
    latencies: list[float] = []
    end = time.perf_counter() + SUBMIT_SECONDS

    def work() -> None:
        while (start := time.perf_counter()) < end:
            submit()
            latencies.append(time.perf_counter() - start)

    threads = [threading.Thread(target=work) for _ in range(SUBMITTERS)]
    wall, processor = time.perf_counter(), time.process_time()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    name = f"decisions, {SUBMITTERS} who wait each for theirs"
    return _row(name, latencies, time.perf_counter() - wall, time.process_time() - processor)


def _singly(name: str, work: Callable[[int], object]) -> Row:
    latencies = []
    wall, processor = time.perf_counter(), time.process_time()
    for number in range(LONE):
        start = time.perf_counter()
        work(number)
        latencies.append(time.perf_counter() - start)
    return _row(name, latencies, time.perf_counter() - wall, time.process_time() - processor)


def _repeated(name: str, work: Callable[[], object], times: int, size: int) -> Row:
    wall, processor = time.perf_counter(), time.process_time()
    for _ in range(times):
        work()
    seconds, used = time.perf_counter() - wall, time.process_time() - processor
    entries = times * size
    return Row(name, f"{entries / seconds:,.0f}/s", cpu_us=used / entries * 1e6)


def _verified(name: str, ledger: Ledger | DecisionLedger) -> Row:
    wall, processor = time.perf_counter(), time.process_time()
    verification = ledger.verify()
    if not verification.is_whole:
        sys.exit("the ledger is not whole")
    seconds, used = time.perf_counter() - wall, time.process_time() - processor
    rows = verification.rows
    return Row(f"verify {rows:,} {name}", f"{rows / seconds:,.0f}/s", cpu_us=used / rows * 1e6)


def _row(name: str, latencies: list[float], seconds: float, used: float) -> Row:
    count = len(latencies)
    latencies.sort()
    p50, p99 = (latencies[int(count * share)] * 1e3 for share in (0.5, 0.99))
    return Row(name, f"{count / seconds:,.0f}/s", p50, p99, used / count * 1e6)


def _content(seed: int) -> bytes:
    """A record like that of a decision: names and values of the features of one applicant."""
    chance = random.Random(seed)  # noqa: S311  # values, not secrets
    features = {
        f"FEATURE_NUMBER_{number}_NAME": chance.gauss(0, 1) * 10 ** chance.randint(-3, 5)
        if number % 4
        else chance.randint(0, 50)
        for number in range(95)
    }
    return json.dumps({**PROMOTION, "features": features}, separators=(",", ":")).encode()


def _bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.glob("ledger.db*"))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--url", help="an empty database; else SQLite in a temporary folder")
    return parser.parse_args()


if __name__ == "__main__":
    main()
