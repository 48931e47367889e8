"""Each row of a chunk against the contract that was sealed with the model: the API's own.

Whole columns are compared at once; only where some value breaks a rule are its rows looked for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

import numpy as np
from numpy.typing import NDArray

from creditrisk.contracts.request_contract import (
    Categories,
    ColumnRule,
    NotNull,
    Range,
    RequestColumn,
    RequestTable,
)
from creditrisk.contracts.tables import APPLICANT_KEY
from creditrisk.scoring.batch.errors import UncheckedRules
from creditrisk.scoring.batch.feature_file import COLUMNS_RULE, Chunk
from creditrisk.scoring.batch.rejects import Reject, rows_of, shown_value

if TYPE_CHECKING:
    import pyarrow as pa

Numbers = Mapping[str, NDArray[np.float64]]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Findings:
    """What a chunk's rows broke: `kept` says of each row of its table whether it is scored."""

    rejects: tuple[Reject, ...]
    warnings: Counter[str]
    kept: Mask


class RowChecks:
    """The contract of a feature row, for whole chunks.

    Args:
        contract: what a feature row must be like.
        schema: the columns of the chunks.
        duplicated: the ids that several rows of the file have, rising.

    Raises:
        UncheckedRules: the contract has a rule across columns, which chunks are not checked by.
    """

    def __init__(
        self, contract: RequestTable, schema: pa.Schema, duplicated: NDArray[np.int64]
    ) -> None:
        uniqueness = [rule for rule in contract.group_rules if rule.key == (APPLICANT_KEY,)]
        unknown = [*contract.row_rules, *contract.group_rules]
        if unchecked := [rule.id for rule in unknown if rule not in uniqueness]:
            raise UncheckedRules(unchecked)
        self._columns = [c for c in contract.columns if c.name in schema.names]
        self._stored_as = {field.name: field.type for field in schema}
        self._unique = uniqueness[0] if uniqueness else None
        self._duplicated = duplicated

    @property
    def numeric_columns(self) -> tuple[str, ...]:
        """The columns of the chunks that hold numbers by contract."""
        return tuple(column.name for column in self._columns if column.type != "category")

    def check(self, chunk: Chunk, numbers: Numbers) -> Findings:
        """Compare a chunk with the contract.

        Args:
            chunk: its table's numbers as they were stored, and what could not be read.
            numbers: the same numbers as floats by column, NaN where null.
        """
        broken = list(self._broken(chunk.table, numbers))
        rejects = list(chunk.rejects)
        unreadable = {(reject.row, reject.column) for reject in rejects}
        warnings: Counter[str] = Counter()
        for rule, level, column, required, mask in broken:
            if level == "warning":
                warnings[rule] += int(mask.sum())
                continue
            found = self._rejects(chunk, mask, rule=rule, column=column, required=required)
            # A cell that could not be read is null here, and was told of already.
            rejects += [r for r in found if (r.row, r.column) not in unreadable]
        refused = rows_of(rejects)
        kept = ~np.isin(chunk.rows, np.array(sorted(refused), np.int64))
        rejects.sort(key=lambda reject: reject.row)
        return Findings(tuple(rejects), warnings, kept)

    def _broken(
        self, table: pa.Table, numbers: Numbers
    ) -> Iterator[tuple[str, str, str, str, Mask]]:
        """Each broken rule: id, level, column, what it requires, the rows that break it."""
        if self._unique and len(self._duplicated):
            mask = np.isin(numbers[APPLICANT_KEY], self._duplicated)
            if mask.any():
                unique = self._unique
                yield unique.id, unique.level, APPLICANT_KEY, unique.description, mask
        for column in self._columns:
            cells = table.column(column.name)
            not_whole = self._not_whole(column, numbers)
            if not_whole.any():
                yield COLUMNS_RULE, "error", column.name, "a whole number", not_whole
            for rule in column.rules:
                breaking = _breaks(rule, cells, numbers.get(column.name))
                if breaking is not None:
                    yield rule.id, rule.level, column.name, rule.description, breaking

    def _not_whole(self, column: RequestColumn, numbers: Numbers) -> Mask:
        """Where an integer that the file holds as a float has a fraction."""
        from pyarrow import types

        if column.type != "integer" or not types.is_floating(self._stored_as[column.name]):
            return np.zeros(0, np.bool_)
        values = numbers[column.name]
        fractional: Mask = np.isfinite(values) & (np.trunc(values) != values)
        return fractional

    @staticmethod
    def _rejects(
        chunk: Chunk, mask: Mask, *, rule: str, column: str, required: str
    ) -> Iterator[Reject]:
        ids, cells = chunk.table.column(APPLICANT_KEY), chunk.table.column(column)
        for place in np.flatnonzero(mask).tolist():
            key = ids[place].as_py()
            yield Reject(
                row=int(chunk.rows[place]),
                sk_id_curr=int(key) if key is not None and key == key // 1 else None,
                rule=rule,
                column=column,
                seen=shown_value(cells[place].as_py()),
                required=required,
            )


def _breaks(
    rule: ColumnRule, cells: pa.ChunkedArray, numbers: NDArray[np.float64] | None
) -> Mask | None:
    """Which rows break a rule; None where none does."""
    match rule:
        case NotNull():
            return _is_null(cells) if cells.null_count else None
        case Range():
            return _outside(rule, cells, numbers)
        case Categories():
            return _unlisted(rule, cells)
        case _:
            assert_never(rule)


def _outside(
    rule: Range, cells: pa.ChunkedArray, numbers: NDArray[np.float64] | None
) -> Mask | None:
    if numbers is None:
        return None
    inside = (numbers >= rule.minimum) & (numbers <= rule.maximum)  # NaN is outside
    if np.count_nonzero(inside) == len(cells) - cells.null_count:
        return None
    return ~inside & ~_is_null(cells)


def _unlisted(rule: Categories, cells: pa.ChunkedArray) -> Mask | None:
    import pyarrow as pa
    from pyarrow import compute, types

    texts = cells.cast(pa.string()) if types.is_dictionary(cells.type) else cells
    listed = compute.is_in(texts, pa.array(rule.categories, texts.type))
    kept = listed.to_numpy() | _is_null(cells)
    return None if kept.all() else ~kept


def _is_null(cells: pa.ChunkedArray) -> Mask:
    nulls: Mask = cells.is_null().to_numpy()
    return nulls
