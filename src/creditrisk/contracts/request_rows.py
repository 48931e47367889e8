"""Rules across the columns and rows of a request, evaluated on numpy columns."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from creditrisk.contracts.conditions import Cells, Columns, Evaluations, Rows
from creditrisk.contracts.request_cells import Row
from creditrisk.contracts.request_contract import GroupsRule, RequestTable, RowsRule
from creditrisk.contracts.request_violations import MOST_LISTED

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Positions = NDArray[np.int64]

Unsound = Mapping[str, Collection[int]]

_NO_ROWS = np.empty(0, np.int64)
_NOBODY: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class BrokenRow:
    """A row, or the row that makes a group break a rule."""

    row: int
    rule: RowsRule


class RowChecks:
    """A table's rules across columns and rows."""

    def __init__(self, table: RequestTable) -> None:
        evaluations = Evaluations()
        self._types = {column.name: column.type for column in table.columns}
        self._row_rules = [(rule, evaluations.of(rule.condition)) for rule in table.row_rules]
        self._group_rules = [(rule, evaluations.of(rule.condition)) for rule in table.group_rules]

    def broken(self, rows: Sequence[Row], unsound: Unsound) -> Iterator[BrokenRow]:
        """The rows that break a rule, each rule in turn.

        `unsound` gives the rows whose cell of a column is no true one, by column; no rule that
        needs the cell is asked of them.
        """
        if not rows:
            return
        selections = _Selections(_RowColumns(rows, self._types), len(rows), unsound)
        for rule, kept in self._row_rules:
            chosen = selections.of(rule.columns)
            for position in _untrue(kept(chosen.rows), chosen.rows.count):
                yield BrokenRow(chosen.origin(position), rule)
        for rule, kept in self._group_rules:
            chosen = selections.of((*rule.key, *rule.columns), rule.key)
            if chosen.rows.count:
                for position in _telling(rule, chosen, _untrue(kept(chosen.rows), chosen.groups)):
                    yield BrokenRow(chosen.origin(position), rule)


class _RowColumns:
    """Columns of rows, each made when it is first asked for."""

    def __init__(self, rows: Sequence[Row], types: Mapping[str, str]) -> None:
        self._rows = rows
        self._types = types
        self._made: dict[str, Cells] = {}

    def __getitem__(self, name: str) -> Cells:
        if name not in self._made:
            self._made[name] = _cells([row[name] for row in self._rows], self._types[name])
        return self._made[name]


class _Reordered:
    """Some rows of columns, in another order."""

    def __init__(self, columns: Columns, positions: Positions) -> None:
        self._columns = columns
        self._positions = positions
        self._made: dict[str, Cells] = {}

    def __getitem__(self, name: str) -> Cells:
        if name not in self._made:
            cells = self._columns[name]
            known = None if cells.known is None else cells.known[self._positions]
            self._made[name] = Cells(cells.values[self._positions], known)
        return self._made[name]


@dataclass(frozen=True, slots=True)
class _Selection:
    """Rows of which a rule is asked; `positions` are theirs among all rows, None means as all."""

    rows: Rows
    positions: Positions | None

    @property
    def groups(self) -> int:
        return len(self.rows.starts)

    def origin(self, position: int) -> int:
        return int(position if self.positions is None else self.positions[position])


class _Selections:
    """The rows of which rules are asked; rules that are asked of the same rows share them."""

    def __init__(self, columns: _RowColumns, count: int, unsound: Unsound) -> None:
        self._columns = columns
        self._count = count
        self._unsound = unsound
        self._made: dict[tuple[Any, ...], _Selection] = {}

    def of(self, needed: Sequence[str], key: Sequence[str] = ()) -> _Selection:
        """The rows whose `needed` cells are true ones, groups of the same key together."""
        excluded = _NOBODY
        if self._unsound:
            excluded = excluded.union(*(self._unsound.get(name, ()) for name in needed))
        identity = (excluded, *key)
        if identity not in self._made:
            self._made[identity] = self._selection(excluded, key)
        return self._made[identity]

    def _selection(self, excluded: Collection[int], key: Sequence[str]) -> _Selection:
        if not excluded and not key:
            return _Selection(Rows(self._columns, self._count), None)
        sound = np.array([row for row in range(self._count) if row not in excluded], np.int64)
        chosen = _Reordered(self._columns, sound)
        if not key:
            return _Selection(Rows(chosen, len(sound)), sound)
        order = np.lexsort([chosen[name].values for name in key])
        grouped = _Reordered(chosen, order)
        starts = _starts([grouped[name].values for name in key], len(order))
        return _Selection(Rows(grouped, len(order), starts), sound[order])


def _cells(values: list[Any], kind: str) -> Cells:
    known = np.array([value is not None for value in values]) if None in values else None
    if kind == "integer":
        filled = values if known is None else [0 if value is None else value for value in values]
        return Cells(np.array(filled, np.int64), known)
    return Cells(np.array(values, object if kind == "category" else np.float64), known)


def _untrue(kept: Cells, count: int) -> Positions:
    true = np.asarray(kept.true)
    return _NO_ROWS if true.all() else np.flatnonzero(~np.broadcast_to(true, count))


def _starts(keys: Sequence[Any], count: int) -> Positions:
    first = np.ones(count, np.bool_)
    if count:
        first[1:] = False
    for key in keys:
        first[1:] |= key[1:] != key[:-1]
    return np.flatnonzero(first)


def _telling(rule: GroupsRule, chosen: _Selection, broken: Positions) -> list[int]:
    """Of each group that breaks the rule the first row that repeats another, else its first."""
    starts = chosen.rows.starts
    ends = np.append(starts[1:], chosen.rows.count)
    columns = [chosen.rows.columns[name].values for name in rule.columns]
    found: list[int] = starts[broken].tolist()
    for number, group in enumerate(broken[:MOST_LISTED]):
        found[number] = _first_repeated(columns, range(starts[group], ends[group]))
    return found


def _first_repeated(columns: Sequence[Any], rows: range) -> int:
    seen: set[tuple[Any, ...]] = set()
    for row in rows:
        cells = tuple(column[row] for column in columns)
        if cells in seen:
            return row
        seen.add(cells)
    return rows.start
