"""The folder beside the output in which a batch is made, and from which it can be resumed.

It holds what the batch is (`run.json`), the scores of each finished chunk, and the files that will
be moved into place at the end. A killed process leaves it; a finished one does not.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from creditrisk.core.files import atomic_path
from creditrisk.core.report import Part, Report
from creditrisk.scoring.batch.chunk_scoring import Scores
from creditrisk.scoring.batch.errors import BatchRunning, CannotResume
from creditrisk.scoring.decision_record import PolicyBands

_RUN_FILE = "run.json"
_DIGEST = b"sha256"


class BatchIdentity(Part):
    """All that decides what a batch's output holds; another one is another batch."""

    input_files: dict[str, str]
    applications: str | None
    bundle_sha256: str
    threshold: float
    policy: PolicyBands
    reasons: bool
    chunk_rows: int
    output: str


class BatchRun(Report):
    """`run.json`: which batch is being made here."""

    batch_id: str
    started_at: str
    identity: BatchIdentity


class WorkFolder:
    """A locked work folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def clear(self) -> None:
        """Drop what an interrupted batch has left."""
        for entry in self.folder.iterdir():
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()

    def begin(self, run: BatchRun, *, asked: str | None) -> BatchRun:
        """Make the folder that of a batch, or of the same batch that was interrupted there.

        Args:
            run: what is started where nothing was.
            asked: the batch id that the caller asks for, if any.

        Raises:
            CannotResume: what is there is of another batch.
        """
        path = self.folder / _RUN_FILE
        if not path.exists():
            run.write(path)
            return run
        found = BatchRun.read(path)
        before, now = found.identity.model_dump(), run.identity.model_dump()
        changes = {name: (before[name], now[name]) for name in now if before[name] != now[name]}
        if asked not in {None, found.batch_id}:
            changes["batch_id"] = (found.batch_id, asked)
        if changes:
            raise CannotResume(self.folder, changes)
        return found

    def path(self, name: str) -> Path:
        """Where a file of the batch is made."""
        return self.folder / name

    def keep(self, number: int, scores: Scores) -> None:
        """Keep the scores of a chunk; durable, so that they survive a machine's end too."""
        import pyarrow as pa
        from pyarrow import parquet

        columns = {"row": scores.rows, "id": scores.ids, "probability": scores.probability}
        if scores.reasons is not None:
            columns["reasons"] = pa.array(scores.reasons, pa.string())
        table = pa.table(columns).replace_schema_metadata({_DIGEST: scores.sha256.encode()})
        with atomic_path(self._chunk(number)) as temporary:
            parquet.write_table(table, temporary, compression="none", use_dictionary=False)

    def scores(self, number: int) -> Scores | None:
        """The scores of a chunk that an interrupted run finished; None where none are sound."""
        import pyarrow as pa
        from pyarrow import parquet

        path = self._chunk(number)
        if not path.exists():
            return None
        try:
            table = parquet.read_table(path)
            reasons = (
                table.column("reasons").to_pylist() if "reasons" in table.schema.names else None
            )
            kept = Scores(
                rows=table.column("row").to_numpy(),
                ids=table.column("id").to_numpy(),
                probability=table.column("probability").to_numpy(),
                reasons=None if reasons is None else tuple(reasons),
            )
        except (pa.ArrowException, OSError, KeyError):
            return None
        required = (table.schema.metadata or {}).get(_DIGEST, b"").decode()
        return kept if kept.sha256 == required else None

    def remove(self) -> None:
        """The batch is done, or refused for good."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def remove_if_empty(self) -> None:
        """Leave no folder where nothing was begun."""
        with suppress(OSError):  # it holds something, or is gone
            self.folder.rmdir()

    def _chunk(self, number: int) -> Path:
        return self.folder / f"chunk-{number:08d}.parquet"


@contextmanager
def work_folder(folder: Path) -> Iterator[WorkFolder]:
    """Yield the folder, which no other process may use meanwhile.

    Raises:
        BatchRunning: another process has it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BatchRunning(folder) from None
        if not folder.exists() or os.fstat(descriptor).st_ino != folder.stat().st_ino:
            raise BatchRunning(folder)  # it ended, and removed its folder, while this one waited
        yield WorkFolder(folder)
    finally:
        os.close(descriptor)
