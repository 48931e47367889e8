"""Measure the API beside `mlflow models serve` on the same model, in one run.

    python benchmarks/serving.py --project DIR            # DIR: a finished `make demo`
    python benchmarks/serving.py --project DIR --soak 600 # ten minutes at half of the load it can bear

prints one table. Server and client share the machine; the ledger and the logs are on. One client
sends a request after the other, 32 keep that many waiting all the time.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import psutil

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from creditrisk.contracts.tables import APPLICANT_KEY
from creditrisk.ledger.decisions import DecisionLedger
from creditrisk.mlops.bundle import Bundle
from payloads import application_payload

BUNDLE = Path("models/credit_risk_pd")
TEST_SIDE = Path("data/splits/test.parquet")
RAW = Path("data/raw")
LOAD = Path(__file__).with_name("load.py")
MANY_CLIENTS = 32
TYPICAL_ROWS = (150, 230)  # of all histories together; the mean of real applicants is about 190
READY_SECONDS = 120.0
MIB = 1 << 20


def main() -> None:
    """Prepare requests, measure both servers, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--project", type=Path, default=Path(), help="a finished run")
    parser.add_argument("--seconds", type=float, default=15.0, help="of each measurement")
    parser.add_argument("--workers", type=int, default=1, help="of the API")
    parser.add_argument("--soak", type=float, default=0.0, help="seconds of steady load")
    parser.add_argument("--without-mlflow", action="store_true")
    options = parser.parse_args()
    project = options.project.resolve()
    with tempfile.TemporaryDirectory(prefix="creditrisk-serving-") as name:
        folder = Path(name)
        bodies = write_bodies(project, folder)
        with api(project, folder, options.workers) as (url, process, ready):
            if options.soak:
                soak(url, process, bodies, options)
                return
            rows = measured(url, process, bodies, options.seconds)
            print_rows(f"creditrisk serve, ready after {ready:.1f} s", rows)
        if not options.without_mlflow:
            with mlflow_server(project, folder) as (url, process, ready):
                rows = measured(url, process, {"features": bodies["mlflow"]}, options.seconds)
                print_rows(f"mlflow models serve, ready after {ready:.1f} s", rows)


def write_bodies(project: Path, folder: Path) -> dict[str, Path]:
    """One file of request bodies a form: 500 feature rows, 60 applications, the rows for MLflow."""
    names = [feature.name for feature in Bundle.load(project / BUNDLE).manifest.features]
    with duckdb.connect() as connection:
        relation = connection.read_parquet(str(project / TEST_SIDE)).order(APPLICANT_KEY).limit(500)
        rows = relation.select(*map(duckdb.ColumnExpression, [APPLICANT_KEY, *names]))
        records = rows.to_arrow_table().to_pylist()
    wanted = {
        "features": ({"features": [record]} for record in records),
        "applications": (
            {"applications": [application]} for application in applications(project / RAW)
        ),
        "mlflow": (
            {"dataframe_records": [{name: record[name] for name in names}]} for record in records
        ),
    }
    paths = {form: folder / f"{form}.jsonl" for form in wanted}
    for form, bodies in wanted.items():
        paths[form].write_text("".join(json.dumps(body) + "\n" for body in bodies))
    return paths


def applications(raw: Path) -> Iterator[Mapping[str, Any]]:
    """Applicants whose histories are of typical size."""
    with duckdb.connect() as connection:
        path = str(raw / "application_train.csv")
        ids = connection.read_csv(path).select("SK_ID_CURR").order("SK_ID_CURR").fetchall()
    drawn = random.Random(1).sample([row[0] for row in ids], 300)  # noqa: S311 - no secret
    payload = application_payload(raw, drawn)
    typical = [a for a in payload["applications"] if TYPICAL_ROWS[0] <= size(a) <= TYPICAL_ROWS[1]]
    yield from typical[:60]


def size(application: Mapping[str, Any]) -> int:
    """Rows of all histories, at any depth."""
    nested = [row for value in application.values() if isinstance(value, list) for row in value]
    return len(nested) + sum(map(size, nested))


@contextmanager
def api(
    project: Path, folder: Path, workers: int
) -> Iterator[tuple[str, subprocess.Popen[bytes], float]]:
    """The API on a ledger of its own."""
    port = free_port()
    command = [sys.executable, "-m", "creditrisk.pipelines.serve", "--port", str(port)]
    command += ["--bundle", str(BUNDLE), "--workers", str(workers)]
    environment = {
        "CREDITRISK_LEDGER_URL": ledger_of(folder)["url"],
        "CREDITRISK_LEDGER_ANCHOR": str(folder / "anchor.json"),
        "OMP_WAIT_POLICY": "PASSIVE",
    }
    base = f"http://127.0.0.1:{port}"
    with server(command, project, environment, f"{base}/ready", folder / "api.log") as found:
        process, ready = found
        yield f"{base}/predict", process, ready


def ledger_of(folder: Path) -> dict[str, Any]:
    """Where the API of this run keeps its decisions."""
    return {
        "url": f"sqlite:///{folder / 'ledger.db'}",
        "anchor": folder / "decisions_anchor.json",
    }


@contextmanager
def mlflow_server(
    project: Path, folder: Path
) -> Iterator[tuple[str, subprocess.Popen[bytes], float]]:
    """MLflow's own scoring server on the pipeline of the champion's run."""
    port = free_port()
    store = f"sqlite:///{project / 'mlflow.db'}"
    manifest = json.loads((project / "reports/deploy_manifest.json").read_text())
    model = f"models:/{manifest['model_name']}/{manifest['champion']['version']}"
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", model]
    command += ["--env-manager", "local", "--port", str(port), "--workers", "1"]
    environment = {"MLFLOW_TRACKING_URI": store, "MLFLOW_DISABLE_TELEMETRY": "true"}
    base = f"http://127.0.0.1:{port}"
    with server(command, project, environment, f"{base}/ping", folder / "mlflow.log") as found:
        process, ready = found
        yield f"{base}/invocations", process, ready


@contextmanager
def server(
    command: list[str], folder: Path, environment: Mapping[str, str], ready_url: str, log: Path
) -> Iterator[tuple[subprocess.Popen[bytes], float]]:
    """A server process and the seconds until it was ready; stopped with all its children."""
    started = time.perf_counter()
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **environment},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        wait_until_ready(ready_url, process, log)
        yield process, time.perf_counter() - started
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(60)


def wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Poll until the server answers 200.

    Raises:
        RuntimeError: it stopped or took too long; the message holds the end of its output.
    """
    deadline = time.monotonic() + READY_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - our own address
                if answer.status == 200:  # noqa: PLR2004 - HTTP's OK
                    return
        except (urllib.error.URLError, OSError):
            pass
        time.sleep(0.05)
    raise RuntimeError("not ready:\n" + log.read_text(errors="replace")[-2_000:])


def measured(
    url: str, process: subprocess.Popen[bytes], bodies: Mapping[str, Path], seconds: float
) -> list[tuple[str, dict[str, Any]]]:
    """Latency and rate of each form, alone and under load, then the size of the processes."""
    rows = []
    for form, clients in (("features", 1), ("features", MANY_CLIENTS), ("applications", 1)):
        if form in bodies:
            summary = load(url, bodies[form], clients, seconds)
            rows.append((f"one of {form}, {clients} clients", summary))
    rows.append(("largest process, MiB", {"p50_ms": largest_rss(process)}))
    return rows


def load(url: str, bodies: Path, clients: int, seconds: float, *more: str) -> dict[str, Any]:
    """What the client of `load.py` saw."""
    command = [sys.executable, str(LOAD), "--url", url, "--bodies", str(bodies)]
    command += ["--clients", str(clients), "--seconds", str(seconds), *more]
    finished = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(finished.stdout)


def largest_rss(process: subprocess.Popen[bytes]) -> float:
    """Resident memory of the largest process of a server, MiB."""
    root = psutil.Process(process.pid)
    return max(p.memory_info().rss / MIB for p in (root, *root.children(recursive=True)))


def soak(
    url: str,
    process: subprocess.Popen[bytes],
    bodies: Mapping[str, Path],
    options: argparse.Namespace,
) -> None:
    """Find the highest rate, send half of it for long, in ten parts, and look into the ledger."""
    highest = load(url, bodies["features"], MANY_CLIENTS, 10.0)["requests_per_second"]
    print(f"highest rate {highest:.0f}/s, {options.soak:g} s at half of it")
    acknowledged: set[str] = set()
    ids = bodies["features"].with_name("ids.txt")
    for part in range(10):
        more = ("--rate", str(highest / 2), "--ids", str(ids))
        summary = load(url, bodies["features"], MANY_CLIENTS, options.soak / 10, *more)
        acknowledged |= set(ids.read_text().split())
        print(
            f"part {part + 1:>2}: {summary['requests_per_second']:7.1f}/s, "
            f"p50 {summary['p50_ms']:6.2f} ms, p99 {summary['p99_ms']:6.2f} ms, "
            f"{summary['failures']} failures, {largest_rss(process):.0f} MiB",
            flush=True,
        )
    with DecisionLedger.open(**ledger_of(ids.parent)) as ledger:
        stored = {one.decision_id for one in ledger.after(0, 10**9, contents=False)}
        whole = ledger.verify().is_whole
    print(
        f"{len(acknowledged):,} decisions acknowledged, {len(acknowledged - stored):,} of them "
        f"missing in the ledger of {len(stored):,}, which is {'whole' if whole else 'BROKEN'}"
    )


def print_rows(title: str, rows: list[tuple[str, dict[str, Any]]]) -> None:
    """One line a measurement."""
    print(f"\n{title}\n{'':<34}{'per s':>9}{'p50 ms':>9}{'p99 ms':>9}{'failed':>8}{'reasons':>9}")
    for name, summary in rows:
        if "requests" not in summary:
            print(f"{name:<34}{summary['p50_ms']:>18.0f}")
            continue
        print(
            f"{name:<34}{summary['requests_per_second']:>9.1f}{summary['p50_ms']:>9.2f}"
            f"{summary['p99_ms']:>9.2f}{summary['failures']:>8}"
            f"{summary['with_reasons_share']:>9.0%}"
        )


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
