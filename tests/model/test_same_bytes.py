"""The same data and settings give the same bundle, whatever the process and its threads."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from creditrisk.models.serving import MODEL_FILES

SEAL = """
import sys
from pathlib import Path
import simulated_lending as lending
from creditrisk.mlops.bundle import seal
from creditrisk.models.training import train
folder, model_type, resampling, threads = sys.argv[1:]
settings = lending.settings(model_type=model_type, resampling=resampling)
model = train(lending.tables(), lending.FEATURES, settings, threads=int(threads))
seal(model, lending.tables(), lending.SNAPSHOT, Path(folder))
"""


def sealed_elsewhere(
    folder: Path, model_type: str, resampling: str, threads: int
) -> dict[str, str]:
    """The hashes of a bundle's files, made by a new process with so many threads."""
    command = [sys.executable, "-c", SEAL, str(folder), model_type, resampling, str(threads)]
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).parent),
        "PYTHONHASHSEED": str(threads),
        "OMP_NUM_THREADS": str(threads),
        "OMP_WAIT_POLICY": "PASSIVE",
    }
    subprocess.run(command, env=environment, check=True)
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


@pytest.mark.slow
@pytest.mark.parametrize("model_type", MODEL_FILES)
@pytest.mark.parametrize("resampling", ["none", "smote_downsampling"])
def test_two_processes_seal_the_same_bytes(
    model_type: str, resampling: str, tmp_path: Path
) -> None:
    """Every file is equal, at 1 and at 2 threads and with another hash seed."""
    first = sealed_elsewhere(tmp_path / "first", model_type, resampling, threads=1)
    second = sealed_elsewhere(tmp_path / "second", model_type, resampling, threads=2)
    assert first == second
    assert len(first) == (11 if model_type == "scorecard" else 10)  # with its printed table
