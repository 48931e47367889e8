"""The output: the input's columns with the answers beside them, CSV or Parquet."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from creditrisk.core.settings import PolicySettings
from creditrisk.scoring.batch.chunk_scoring import ScoredChunk
from creditrisk.scoring.batch.reading import ADDED_COLUMNS
from creditrisk.scoring.decisions import decision_of, grade_of

if TYPE_CHECKING:
    from types import TracebackType

    import pyarrow as pa

_REASONS = "reasons"


@dataclass(slots=True)
class Tally:
    """Sums over the answers of a batch."""

    rows: int = 0
    probability: float = 0.0
    predicted_defaults: int = 0
    decisions: Counter[str] = field(default_factory=Counter)
    grades: Counter[str] = field(default_factory=Counter)


class AnswersFile:
    """Writes answers as they come, in the order of their rows.

    Args:
        path: where, its ending says how.
        schema: the columns of the input that stay.
        batch_id: the first part of every decision id, the row's number is the second.
        policy: the bands of decisions and grades.
        threshold: the PD from which on a default is predicted.
        reasons: whether there is a column of reasons.
    """

    def __init__(
        self,
        path: Path,
        schema: pa.Schema,
        *,
        batch_id: str,
        policy: PolicySettings,
        threshold: float,
        reasons: bool,
    ) -> None:
        self._batch_id = batch_id
        self._policy = policy
        self._threshold = threshold
        self.tally = Tally()
        self._carried = schema.names
        self._schema = _with_answers(schema, reasons=reasons)
        self._writer = _writer(path, self._schema)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._writer.close()

    def write(self, chunk: ScoredChunk) -> None:
        """Add the answers of a chunk."""
        import pyarrow as pa
        from pyarrow import compute

        scores = chunk.scores
        if not len(scores.rows):
            return
        pds = scores.probability
        prediction = (pds >= self._threshold).astype(np.int8)
        decision, grade = decision_of(pds, self._policy), grade_of(pds, self._policy)
        numbers = pa.array(scores.rows).cast(pa.string())
        answers: list[Any] = [
            compute.binary_join_element_wise(self._batch_id, numbers, "-"),
            pa.array(pds),
            pa.array(prediction),
            pa.array(decision),
            pa.array(grade),
        ]
        if scores.reasons is not None:
            answers.append(pa.array(scores.reasons, pa.string()))
        columns = [*chunk.table.select(self._carried).columns, *answers]
        self._writer.write_table(pa.table(columns, schema=self._schema))
        self._count(pds, prediction, decision, grade)

    def _count(self, pds: Any, prediction: Any, decision: Any, grade: Any) -> None:
        self.tally.rows += len(pds)
        self.tally.probability += float(np.sum(pds))
        self.tally.predicted_defaults += int(prediction.sum())
        for counter, names in ((self.tally.decisions, decision), (self.tally.grades, grade)):
            counter.update(dict(zip(*_counts(names), strict=True)))


def _counts(names: Any) -> tuple[list[str], list[int]]:
    values, counts = np.unique(names, return_counts=True)
    return values.tolist(), counts.tolist()


def _with_answers(schema: pa.Schema, *, reasons: bool) -> pa.Schema:
    import pyarrow as pa

    types = dict.fromkeys(ADDED_COLUMNS, pa.string())
    types |= {"probability": pa.float64(), "prediction": pa.int8()}
    added = [pa.field(name, kind) for name, kind in types.items() if reasons or name != _REASONS]
    return pa.schema([*schema, *added])


def _writer(path: Path, schema: pa.Schema) -> Any:
    if path.suffix.lower() == ".csv":
        from pyarrow import csv

        return csv.CSVWriter(path, schema)
    from pyarrow import parquet, types

    # Dictionaries of floats and zstd would take twice the time for a fifth fewer bytes.
    repetitive = [field.name for field in schema if not types.is_floating(field.type)]
    return parquet.ParquetWriter(path, schema, compression="snappy", use_dictionary=repetitive)
