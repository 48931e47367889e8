"""`creditrisk batch-predict` as a process: exit codes, logs, kills, the served champion, raw tables."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS / "model"), str(TESTS / "unit/scoring/batch")]

from batch_runs import feature_rows, with_cell  # noqa: E402 - it lies beside other tests
from simulated_lending import sealed  # noqa: E402 - as above

from creditrisk.core.files import sha256_of  # noqa: E402 - as above
from creditrisk.mlops.bundle import Bundle  # noqa: E402 - as above
from creditrisk.mlops.served import pointer_path, unregistered  # noqa: E402 - as above
from creditrisk.scoring.batch.summary import BatchSummary  # noqa: E402 - as above
from creditrisk.scoring.scorer import Scorer  # noqa: E402 - as above

BATCH = "nightly-2026-11-23"
PATIENCE_SECONDS = 120.0


@dataclass(frozen=True)
class Desk:
    """A folder in which batches are run, with a served champion and a ledger of its own."""

    folder: Path
    bundle: Bundle

    def command(self, *words: str) -> list[str]:
        """The command line of a batch from rows.parquet."""
        fixed = ["--input", "rows.parquet", "--served", "served"]
        return [sys.executable, "-m", "creditrisk.pipelines.batch_predict", *fixed, *words]

    def environment(self, variables: Mapping[str, str]) -> dict[str, str]:
        """A shell's variables without those that this project reads, but for the given ones."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith("CREDITRISK_")}
        return {**kept, "OMP_WAIT_POLICY": "PASSIVE", **variables}

    def run(self, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a batch to its end."""
        return subprocess.run(
            self.command(*words),
            cwd=self.folder,
            env=self.environment(variables),
            capture_output=True,
            text=True,
            check=False,
        )

    def kill(self, finished_chunks: int, *words: str) -> None:
        """Start a batch and kill it once so many chunks are done."""
        work = self.folder / ".out.parquet.batch"
        process = subprocess.Popen(
            self.command(*words),
            cwd=self.folder,
            env=self.environment({}),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        end = time.monotonic() + PATIENCE_SECONDS
        while len(list(work.glob("chunk-*.parquet"))) < finished_chunks:
            assert process.poll() is None, "it ended before it could be killed"
            assert time.monotonic() < end
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def path(self, name: str) -> Path:
        """A file of the folder."""
        return self.folder / name


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A sealed model; tests only read it."""
    return sealed(tmp_path_factory.mktemp("model"))


@pytest.fixture
def desk(tmp_path: Path, bundle: Bundle) -> Desk:
    """A folder with rows of 200 applicants, the model as champion, and settings."""
    served = tmp_path / "served"
    shutil.copytree(bundle.folder, served / bundle.sha256)
    champion = unregistered(bundle).model_copy(
        update={"alias": "champion", "bundle": bundle.sha256, "version": "7"}
    )
    champion.write(pointer_path(served, "champion"))
    parquet.write_table(feature_rows(200), tmp_path / "rows.parquet")
    (tmp_path / "params.yaml").write_text("resources: {threads: 2, memory_limit: 500MB}\n")
    return Desk(tmp_path, bundle)


def test_the_served_champion_scores_and_is_recorded(desk: Desk) -> None:
    """Without a named bundle the champion answers, with the PDs that its scorer gives."""
    process = desk.run("--output", "out.parquet", "--batch-id", BATCH)
    assert process.returncode == 0, process.stderr
    answers = parquet.read_table(desk.path("out.parquet"))
    required = Scorer.load(desk.bundle.folder).probabilities(feature_rows(200))
    assert answers.column("probability").to_pylist() == required.tolist()
    summary = BatchSummary.read(desk.path("out.summary.json"))
    assert (summary.model.version, summary.recorded, summary.threads) == ("7", True, 2)
    assert desk.path("ledger/ledger.db").exists()


def test_logs_are_json_lines_without_applicants(desk: Desk) -> None:
    """Standard output holds one JSON object a line, and no applicant's id or value."""
    table = with_cell(feature_rows(20), "CNT_CHILDREN", 5, 99)
    parquet.write_table(table, desk.path("rows.parquet"))
    process = desk.run("--output", "out.parquet", "--no-ledger")
    lines: list[dict[str, Any]] = [json.loads(line) for line in process.stdout.splitlines()]
    ours = [line for line in lines if line["logger"].startswith("creditrisk.scoring.batch")]
    assert [line["message"] for line in ours] == [
        *("batch started", "chunk scored", "batch finished")
    ]
    assert ours[-1]["rejects"]["by_rule"] == {"features.CNT_CHILDREN.range": 1}
    assert "100005" not in process.stdout


def test_a_refused_batch_exits_1_and_leaves_nothing(desk: Desk) -> None:
    """`--strict` exits 1 with one sentence and no stack trace."""
    table = with_cell(feature_rows(20), "CNT_CHILDREN", 5, 99)
    parquet.write_table(table, desk.path("rows.parquet"))
    process = desk.run("--output", "out.parquet", "--strict", "--no-ledger")
    assert process.returncode == 1
    assert "row 5 (applicant 100005), column CNT_CHILDREN" in process.stderr
    assert "Traceback" not in process.stderr
    assert {path.name for path in desk.folder.iterdir()} == {
        *("rows.parquet", "served", "params.yaml")
    }


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--output", "out.xlsx"], "must end in .csv or .parquet"),
        (["--output", "rows.parquet"], "cannot be both the input and the output"),
        (["--output", "https://host/out.csv"], "cannot be written to"),
        (["--output", "out.csv", "--batch-id", "a b"], "Batch id 'a b' refused"),
        (["--output", "out.csv", "--no-ledger"], "CREDITRISK_ENVIRONMENT is production"),
    ],
)
def test_misuse_exits_2(desk: Desk, words: list[str], told: str) -> None:
    """What cannot be done is told at once, in production unrecorded decisions too."""
    process = desk.run(*words, CREDITRISK_ENVIRONMENT="production", CREDITRISK_LEDGER_KEY="k" * 40)
    assert process.returncode == 2, process.stderr
    assert told in process.stderr


@pytest.mark.slow
def test_a_batch_killed_again_and_again_ends_as_if_nothing_had_been(desk: Desk) -> None:
    """After `kill -9` in several places, `--resume` gives the bytes of a run that was left alone."""
    parquet.write_table(feature_rows(6_000), desk.path("rows.parquet"))
    options = ["--batch-id", BATCH, "--chunk-rows", "100", "--reasons"]
    whole = desk.run("--output", "whole.parquet", *options, "--no-ledger")
    assert whole.returncode == 0, whole.stderr
    desk.kill(2, "--output", "out.parquet", *options)
    desk.kill(20, "--output", "out.parquet", *options, "--resume")
    desk.kill(45, "--output", "out.parquet", *options, "--resume")
    assert not desk.path("out.parquet").exists()
    resumed = desk.run("--output", "out.parquet", *options, "--resume")
    assert resumed.returncode == 0, resumed.stderr
    assert sha256_of(desk.path("out.parquet")) == sha256_of(desk.path("whole.parquet"))
    assert BatchSummary.read(desk.path("out.summary.json")).resumed_chunks >= 45
    assert not desk.path(".out.parquet.batch").exists()
