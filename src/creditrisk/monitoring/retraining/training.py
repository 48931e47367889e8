"""Runs the pipeline, and says what it changed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from creditrisk.core.files import sha256_of
from creditrisk.core.report import Part

COMMAND = ("dvc", "repro", "validate_model")
NEXT_COMMAND = "dvc repro register_model"

FAILED_STAGE = re.compile(r"failed to reproduce '([^']+)'")
_KEPT_LINES = 12


class TrainedState(Part):
    """What lies in the project: the hashes of the training side and of the bundle's manifest.

    The second is the identity of the model everywhere. Each is null where there is none.
    """

    training_sha256: str | None
    bundle_sha256: str | None


@dataclass(frozen=True, slots=True)
class TrainedFiles:
    """Where the training side and the bundle lie."""

    training: Path = Path("data/splits/train.parquet")
    manifest: Path = Path("models/credit_risk_pd/manifest.json")

    def state(self) -> TrainedState:
        """What lies there now."""
        return TrainedState(
            training_sha256=_hash(self.training), bundle_sha256=_hash(self.manifest)
        )


@dataclass(frozen=True, slots=True)
class PipelineRun:
    """How the pipeline ended: its exit code, the stage that failed, its last lines."""

    exit_code: int
    failed_stage: str | None
    last_lines: str


def run_pipeline(
    command: Sequence[str] = COMMAND, *, lock_handle: int | None = None
) -> PipelineRun:
    """Run the command, show its lines as they come, and keep the last.

    Args:
        command: words; the first is looked for beside this interpreter too.
        lock_handle: a lock's open file, which the command holds on to: the lock ends with the work,
            not with the process that began it.
    """
    scripts = str(Path(sys.executable).parent)
    environment = {**os.environ, "PATH": f"{scripts}{os.pathsep}{os.environ.get('PATH', '')}"}
    kept: deque[str] = deque(maxlen=_KEPT_LINES)
    failed: str | None = None
    with subprocess.Popen(  # noqa: S603  the command is ours
        ["/usr/bin/env", *command],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        pass_fds=() if lock_handle is None else (lock_handle,),
    ) as process:
        for line in process.stdout or ():
            sys.stderr.write(line)
            if line.strip():
                kept.append(line.rstrip())
            if found := FAILED_STAGE.search(line):
                failed = found[1]
    return PipelineRun(process.returncode, failed, "\n".join(kept))


def _hash(path: Path) -> str | None:
    return sha256_of(path) if path.is_file() else None
