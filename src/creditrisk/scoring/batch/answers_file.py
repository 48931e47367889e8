"""The output: the input's columns with the answers beside them, CSV or Parquet.

From CSV to CSV the rows of the input are written as the bytes that they are, and the answers after
them: nothing that the caller wrote is spelt anew.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np

from creditrisk.core.settings import PolicySettings
from creditrisk.scoring.batch.chunk_scoring import ScoredChunk
from creditrisk.scoring.batch.feature_file import ADDED_COLUMNS
from creditrisk.scoring.decisions import decision_of, grade_of

if TYPE_CHECKING:
    from types import TracebackType

    import pyarrow as pa

    from creditrisk.scoring.batch.csv_rows import Rows

_REASONS = "reasons"
_ROWS_AT_ONCE = 2_048  # what is joined at once stays in the processor's cache


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
        header: the first row of an input whose chunks have lines.
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
        header: bytes | None,
        batch_id: str,
        policy: PolicySettings,
        threshold: float,
        reasons: bool,
    ) -> None:
        self._batch_id = batch_id
        self._policy = policy
        self._threshold = threshold
        self.tally = Tally()
        self._answer_fields = _answer_fields(reasons=reasons)
        self._sink: _Lines | _Table
        if header is not None and path.suffix.lower() == ".csv":
            self._sink = _Lines(path, header, self._answer_fields)
        else:
            self._sink = _Table(path, schema, self._answer_fields)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._sink.close()

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
        self._sink.write(chunk, pa.table(answers, schema=pa.schema(self._answer_fields)))
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


class _Table:
    """Columns, written as CSV or Parquet."""

    def __init__(self, path: Path, schema: pa.Schema, answers: list[pa.Field]) -> None:
        import pyarrow as pa

        self._carried = schema.names
        self._schema = pa.schema([*schema, *answers])
        self._writer = _writer(path, self._schema)

    def write(self, chunk: ScoredChunk, answers: pa.Table) -> None:
        import pyarrow as pa

        columns = [*chunk.table.select(self._carried).columns, *answers.columns]
        self._writer.write_table(pa.table(columns, schema=self._schema))

    def close(self) -> None:
        self._writer.close()


class _Lines:
    """The input's lines, each with its answers after it."""

    def __init__(self, path: Path, header: bytes, answers: list[pa.Field]) -> None:
        self._stream = path.open("wb")
        names = ",".join(field.name for field in answers)
        self._stream.write(b"%b,%b\n" % (header, names.encode()))

    def write(self, chunk: ScoredChunk, answers: pa.Table) -> None:
        import pyarrow as pa
        from pyarrow import compute

        rows = cast("Rows", chunk.lines)  # chunks of a file with a header have them
        *cells, last = (_cells(column) for column in answers.columns)
        ended = compute.binary_join_element_wise(last, "\n", "")
        appended = compute.binary_join_element_wise(*cells, ended, ",")
        for place in range(0, len(rows), _ROWS_AT_ONCE):
            texts = rows.part(place, place + _ROWS_AT_ONCE).texts()
            added = appended.slice(place, _ROWS_AT_ONCE).cast(texts.type)
            comma = pa.scalar(b",", texts.type)
            joined = compute.binary_join_element_wise(texts, added, comma)
            self._stream.write(_content(joined))

    def close(self) -> None:
        self._stream.close()


def _cells(column: pa.ChunkedArray) -> pa.Array:
    """Values as CSV has them: null is empty, and what needs quotes has them."""
    import pyarrow as pa
    from pyarrow import compute

    texts = column.combine_chunks().cast(pa.string()).fill_null("")
    special = compute.match_substring_regex(texts, '[",\r\n]')
    if not compute.any(special).as_py():
        return texts
    doubled = compute.replace_substring(texts, '"', '""')
    return compute.if_else(special, compute.binary_join_element_wise('"', doubled, '"', ""), texts)


def _content(values: pa.LargeBinaryArray) -> memoryview:
    """The bytes of all values, one after another."""
    _, offsets, data = values.buffers()
    places = np.frombuffer(offsets, np.int64)[values.offset :]
    return memoryview(data)[places[0] : places[len(values)]]


def _answer_fields(*, reasons: bool) -> list[pa.Field]:
    import pyarrow as pa

    types = dict.fromkeys(ADDED_COLUMNS, pa.string())
    types |= {"probability": pa.float64(), "prediction": pa.int8()}
    return [pa.field(name, kind) for name, kind in types.items() if reasons or name != _REASONS]


def _writer(path: Path, schema: pa.Schema) -> Any:
    if path.suffix.lower() == ".csv":
        from pyarrow import csv

        return csv.CSVWriter(path, schema)
    from pyarrow import parquet, types

    # Dictionaries of floats and zstd would take twice the time for a fifth fewer bytes.
    repetitive = [field.name for field in schema if not types.is_floating(field.type)]
    return parquet.ParquetWriter(path, schema, compression="snappy", use_dictionary=repetitive)
