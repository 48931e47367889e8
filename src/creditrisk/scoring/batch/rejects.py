"""Rows that are not scored, each with the rule that it broke."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

    import pyarrow as pa

_LONGEST_VALUE = 120


@dataclass(frozen=True, slots=True)
class Reject:
    """One rule that one row broke.

    `row` counts the rows of the input from 1, its header apart. `sk_id_curr` is null where the row
    has no readable id, `column` where the rule is about the whole line.
    """

    row: int
    sk_id_curr: int | None
    rule: str
    column: str | None
    seen: str
    required: str

    def sentence(self) -> str:
        """The reject in one line for a person."""
        applicant = "" if self.sk_id_curr is None else f" (applicant {self.sk_id_curr})"
        column = "" if self.column is None else f", column {self.column}"
        return (
            f"row {self.row}{applicant}{column}: {self.rule}, seen {self.seen}, "
            f"required {self.required}"
        )


def shown_value(value: object) -> str:
    """A cell as a reject shows it: on one line, of bounded length."""
    text = "nothing" if value is None else repr(value) if isinstance(value, str) else f"{value}"
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}..."


class RejectFile:
    """The side file of rejects, CSV, written as they come; it has its header even without any."""

    def __init__(self, path: Path) -> None:
        from pyarrow import csv

        self._writer = csv.CSVWriter(path, _schema())
        self._schema = _schema()
        self.by_rule: Counter[str] = Counter()
        self.rows = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._writer.close()

    def write(self, rejects: Sequence[Reject]) -> None:
        """Add the rejects of a chunk, in the order of their rows."""
        import pyarrow as pa

        if not rejects:
            return
        columns = zip(*map(astuple, rejects), strict=True)
        arrays = [pa.array(column, self._schema.types[n]) for n, column in enumerate(columns)]
        self._writer.write_table(pa.table(arrays, schema=self._schema))
        self.by_rule.update(reject.rule for reject in rejects)
        self.rows += len(rows_of(rejects))


def rows_of(rejects: Iterable[Reject]) -> set[int]:
    """The rows that have any."""
    return {reject.row for reject in rejects}


def _schema() -> pa.Schema:
    import pyarrow as pa

    numbers = {"row", "sk_id_curr"}
    return pa.schema(
        [(f.name, pa.int64() if f.name in numbers else pa.string()) for f in fields(Reject)]
    )
