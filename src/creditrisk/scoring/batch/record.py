"""What the decision ledger keeps of a batch: one record for all its rows.

A row's decision id is the batch's id, a hyphen and the row's number in the input. The record proves
a row in two ways: by the SHA-256 of the whole output, and by that of the row's chunk, which covers
row numbers, ids, PDs and reasons (`Scores.sha256`). Decision, grade and prediction follow from the
PD by the record's bands and threshold.
"""

from __future__ import annotations

import re
from typing import Literal

from creditrisk.core.report import Part, Report
from creditrisk.mlops.served import ServedModel
from creditrisk.scoring.decision_record import PolicyBands

InputForm = Literal["features", "raw_tables"]

_BATCH_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{7,39}")
_ROW = re.compile(r"[1-9][0-9]{0,17}")


class BatchInput(Part):
    """What was scored: where it lay, the hash of each file, and its rows.

    `place` is without user, password and query. For raw tables `rows` are applicants, counted in
    the order of their ids, and `applications` names their file.
    """

    form: InputForm
    place: str
    files: dict[str, str]
    applications: str | None
    rows: int


class BatchOutput(Part):
    """What was answered: where it lies, its hash, its rows."""

    place: str
    sha256: str
    rows: int


class ChunkProof(Part):
    """The rows of the input from `first_row` to `last_row`, of which so many were scored."""

    first_row: int
    last_row: int
    scored: int
    sha256: str


class BatchRecord(Report):
    """One batch. `rejects` counts rows, `rejects_by_rule` the rules that they broke."""

    kind: Literal["batch"] = "batch"
    batch_id: str
    started_at: str
    finished_at: str
    input: BatchInput
    output: BatchOutput
    rejects: int
    rejects_by_rule: dict[str, int]
    reasons: bool
    threshold: float
    policy: PolicyBands
    model: ServedModel
    chunk_rows: int
    chunks: tuple[ChunkProof, ...]

    def to_json(self) -> bytes:
        """The record as the ledger keeps it."""
        return self.model_dump_json().encode()

    def chunk_of(self, row: int) -> ChunkProof | None:
        """The chunk that a row stands in; None for a row that the input does not have."""
        return next((c for c in self.chunks if c.first_row <= row <= c.last_row), None)


def is_batch_id(text: str) -> bool:
    """Whether a decision id can begin with it."""
    return _BATCH_ID.fullmatch(text) is not None


def row_of(decision_id: str) -> tuple[str, int] | None:
    """The batch and the row that a decision id names; None where it is no batch's."""
    batch_id, _, row = decision_id.rpartition("-")
    if is_batch_id(batch_id) and _ROW.fullmatch(row):
        return batch_id, int(row)
    return None
