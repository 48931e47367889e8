"""Rules across the columns and rows of a request, evaluated on numpy columns."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from creditrisk.contracts.conditions import Cells, Evaluation, Rows, evaluation
from creditrisk.contracts.request_cells import Row
from creditrisk.contracts.request_contract import GroupsRule, RequestTable, RowsRule
from creditrisk.contracts.request_violations import MOST_LISTED

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Positions = NDArray[np.int64]

_KNOWN = np.bool_(True)  # noqa: FBT003 (a value, not a flag)


@dataclass(frozen=True, slots=True)
class BrokenRow:
    """A row, or the row that makes a group break a rule."""

    row: int
    rule: RowsRule


class RowChecks:
    """A table's rules across columns and rows."""

    def __init__(self, table: RequestTable) -> None:
        self._types = {column.name: column.type for column in table.columns}
        self._row_rules = [(rule, evaluation(rule.condition)) for rule in table.row_rules]
        self._group_rules = [(rule, evaluation(rule.condition)) for rule in table.group_rules]

    def broken(
        self, rows: Sequence[Row], unsound: Callable[[str], Collection[int]]
    ) -> Iterator[BrokenRow]:
        """The rows that break a rule, each rule in turn.

        `unsound` gives the rows whose cell of a column is no true one; no rule is asked of them
        that needs it.
        """
        columns = _Columns(rows, self._types)
        for rule, holds in self._row_rules:
            chosen = _sound(rule, len(rows), unsound)
            for number in _rows_that_break(holds, rule, columns, chosen):
                yield BrokenRow(int(number), rule)
        for rule, holds in self._group_rules:
            chosen = _sound(rule, len(rows), unsound)
            for number in _groups_that_break(holds, rule, columns, chosen):
                yield BrokenRow(int(number), rule)


class _Columns:
    """Columns of rows, each made when it is first asked for."""

    def __init__(self, rows: Sequence[Row], types: Mapping[str, str]) -> None:
        self._rows = rows
        self._types = types
        self._made: dict[str, Cells] = {}

    def __getitem__(self, name: str) -> Cells:
        if name not in self._made:
            self._made[name] = _cells([row[name] for row in self._rows], self._types[name])
        return self._made[name]

    def chosen(self, names: Collection[str], rows: Positions | None) -> dict[str, Cells]:
        """Some columns of some rows, in their order."""
        cells = {name: self[name] for name in names}
        return cells if rows is None else {n: _taken(cell, rows) for n, cell in cells.items()}


def _cells(values: list[Any], kind: str) -> Cells:
    if kind == "integer" and None not in values:
        return Cells(np.array(values, np.int64), _KNOWN)
    if kind != "category":
        numbers = np.array(values, np.float64)
        return Cells(numbers, ~np.isnan(numbers))
    texts = np.array(values, object)
    return Cells(texts, np.array([value is not None for value in values], np.bool_))


def _taken(cells: Cells, rows: Positions) -> Cells:
    return Cells(cells.values[rows], cells.known if cells.known is _KNOWN else cells.known[rows])


def _sound(
    rule: RowsRule, count: int, unsound: Callable[[str], Collection[int]]
) -> Positions | None:
    """The rows of which a rule can be asked; None means all."""
    needed = (*rule.columns, *rule.key) if isinstance(rule, GroupsRule) else rule.columns
    excluded = {number for name in needed for number in unsound(name)}
    if not excluded:
        return None
    return np.array([number for number in range(count) if number not in excluded], np.int64)


def _rows_that_break(
    holds: Evaluation, rule: RowsRule, columns: _Columns, chosen: Positions | None
) -> Positions:
    cells = columns.chosen(rule.columns, chosen)
    count = len(cells[rule.columns[0]].values)
    kept = holds(Rows(cells, count))
    broken = np.flatnonzero(~np.broadcast_to(kept.true, count))
    return broken if chosen is None else chosen[broken]


def _groups_that_break(
    holds: Evaluation, rule: GroupsRule, columns: _Columns, chosen: Positions | None
) -> Positions:
    """Of each group that breaks the rule the first row that repeats another, else its first."""
    cells = columns.chosen({*rule.columns, *rule.key}, chosen)
    count = len(cells[rule.key[0]].values)
    if count == 0:
        return np.empty(0, np.int64)
    order = np.lexsort([cells[name].values for name in rule.key])
    ordered = {name: _taken(cell, order) for name, cell in cells.items()}
    starts = _starts([ordered[name].values for name in rule.key], count)
    kept = holds(Rows(ordered, count, starts))
    broken = np.flatnonzero(~np.broadcast_to(kept.true, len(starts)))
    ends = np.append(starts[1:], count)
    values = [cells[name].values for name in rule.columns]
    found = order[starts[broken]]
    for number, group in enumerate(broken[:MOST_LISTED]):
        found[number] = _telling(values, order[starts[group] : ends[group]])
    return found if chosen is None else chosen[found]


def _starts(keys: Sequence[Any], count: int) -> Positions:
    first = np.zeros(count, np.bool_)
    first[0] = True
    for key in keys:
        first[1:] |= key[1:] != key[:-1]
    return np.flatnonzero(first)


def _telling(columns: Sequence[Any], rows: Positions) -> int:
    seen: set[tuple[Any, ...]] = set()
    for row in rows:
        cells = tuple(column[row] for column in columns)
        if cells in seen:
            return int(row)
        seen.add(cells)
    return int(rows[0])
