from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from webhook_server import Webhook

# What ingestion writes of one file, and no other stage need run to write it.
TABLE = {
    "file": "bureau.csv",
    "table": "bureau",
    "source": "local",
    "bytes": 4,
    "rows": 1,
    "md5": "0" * 32,
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",  # of "test"
    "schema_fingerprint": "0" * 64,
}


@pytest.fixture
def ingested(tmp_path: Path) -> Path:
    """A folder with a source of one file that was ingested."""
    (tmp_path / "source").mkdir()
    (tmp_path / "source/bureau.csv").write_text("test")
    table = TABLE | {"uri": "source/bureau.csv"}
    summary = {"profile": "none", "tables": [table], "total_bytes": 4, "total_rows": 1}
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports/ingestion_summary.json").write_text(json.dumps(summary))
    (tmp_path / "params.yaml").write_text("ingest: {source: source}\n")
    return tmp_path


def check(folder: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "creditrisk.monitoring.freshness", *flags]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def status(folder: Path) -> str:
    return str(json.loads((folder / "reports/data_freshness.json").read_text())["status"])


def test_fresh_data_exit_0(ingested: Path) -> None:
    """Data within their age pass, also with --fail-on-stale."""
    process = check(ingested, "--fail-on-stale")
    assert (process.returncode, status(ingested)) == (0, "fresh"), process.stderr


def test_stale_data_exit_1_where_that_is_asked_for(ingested: Path) -> None:
    """Stale data are reported; only --fail-on-stale makes them a refusal."""
    (ingested / "params.yaml").write_text(
        "ingest: {source: source}\nmonitoring: {freshness: {max_age_days: 1.0e-9}}\n"
    )
    assert check(ingested).returncode == 0
    assert check(ingested, "--fail-on-stale").returncode == 1
    assert status(ingested) == "stale"


def test_what_is_not_measured_always_exits_1(ingested: Path) -> None:
    """Without the summary the command refuses, and the report says so first."""
    (ingested / "reports/ingestion_summary.json").unlink()
    process = check(ingested)
    assert (process.returncode, status(ingested)) == (1, "not measured")
    assert "ingestion_summary.json does not exist" in process.stdout


def test_the_flag_of_another_source(ingested: Path) -> None:
    """Data that were ingested with --source are compared with that source."""
    (ingested / "params.yaml").write_text("ingest: {source: elsewhere}\n")
    assert check(ingested).returncode == 1
    assert check(ingested, "--source", "source").returncode == 0


def test_an_alarm_is_posted_once(ingested: Path, hook: Webhook) -> None:
    """With --alert people hear of stale data, and of the same data not again."""
    (ingested / "params.yaml").write_text(
        "ingest: {source: source}\nmonitoring: {freshness: {max_age_days: 1.0e-9}}\n"
    )
    outputs = [check(ingested, "--alert").stdout for _ in range(2)]
    assert [one["text"].startswith("[warning] data_stale") for one in hook.received] == [True]
    assert ["posted before" in output for output in outputs] == [False, True]
