"""Conditions on rows as data: sealed with a model, evaluated on numpy columns without Ibis.

SQL's three-valued logic holds: what depends on an empty cell is unknown, neither true nor false.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Literal, Protocol

import numpy as np

from creditrisk.core.report import Part

Operator = Literal[
    "equal",
    "not_equal",
    "less",
    "less_equal",
    "greater",
    "greater_equal",
    "between",
    "is_in",
    "and",
    "or",
    "not",
    "is_null",
    "not_null",
    "coalesce",
    "if_else",
    "negate",
    "add",
    "subtract",
    "shift_left",
    "bit_count",
    "count",
    "sum",
    "least",
    "greatest",
    "bit_or",
]


class ColumnCell(Part):
    """The cell of a column."""

    column: str


class Constant(Part):
    """A value that stands in the rule itself."""

    value: bool | int | float | str


class Operation(Part):
    """An operator and what it works on."""

    operator: Operator
    operands: tuple[Operation | ColumnCell | Constant, ...] = ()


Condition = Operation | ColumnCell | Constant


@dataclass(slots=True)
class Cells:
    """Values, and which of them are known; None where all are. A constant is a single value."""

    values: Any
    known: Any = None

    @property
    def true(self) -> Any:
        """Where a truth value is known to be true."""
        return self.values if self.known is None else self.values & self.known


class Columns(Protocol):
    """Cells by the name of their column."""

    def __getitem__(self, name: str, /) -> Cells:
        """The cells of a column."""
        ...


@dataclass(slots=True)
class Rows:
    """Columns of equally many rows, and what was found out about them so far.

    `starts` are the first rows of groups whose rows lie together; an aggregate needs them.
    """

    columns: Columns
    count: int
    starts: Any = None
    evaluated: dict[int, Cells] = field(default_factory=dict)


Evaluation = Callable[[Rows], Cells]


class Evaluations:
    """Functions that evaluate conditions on rows; what two conditions share is evaluated once."""

    def __init__(self) -> None:
        self._known: dict[str, Evaluation] = {}
        self._numbers = count()

    def of(self, condition: Condition) -> Evaluation:
        """The function of a condition."""
        text = condition.model_dump_json()
        if text not in self._known:
            self._known[text] = self._made(condition)
        return self._known[text]

    def _made(self, condition: Condition) -> Evaluation:
        if isinstance(condition, ColumnCell):
            name = condition.column
            return lambda rows: rows.columns[name]
        if isinstance(condition, Constant):
            constant = Cells(condition.value)
            return lambda _: constant
        operands = tuple(map(self.of, condition.operands))
        return _remembered(next(self._numbers), _FUNCTIONS[condition.operator], operands)


def _remembered(
    number: int, function: Callable[..., Cells], operands: tuple[Evaluation, ...]
) -> Evaluation:
    def evaluate(rows: Rows) -> Cells:
        cells = rows.evaluated.get(number)
        if cells is None:
            cells = function(rows, *[operand(rows) for operand in operands])
            rows.evaluated[number] = cells
        return cells

    return evaluate


def _strict(function: Callable[..., Any]) -> Callable[..., Cells]:
    """An operator whose result is unknown where an operand is."""

    def apply(_: Rows, *cells: Cells) -> Cells:
        known = None
        for cell in cells:
            known = _both(known, cell.known)
        return Cells(function(*[cell.values for cell in cells]), known)

    return apply


def _both(one: Any, other: Any) -> Any:
    if one is None:
        return other
    return one if other is None else one & other


def _and(_: Rows, one: Cells, other: Cells) -> Cells:
    known = _both(one.known, other.known)
    if known is None:
        return Cells(one.values & other.values)
    return Cells(one.true & other.true, known | _false(one) | _false(other))


def _or(_: Rows, one: Cells, other: Cells) -> Cells:
    known = _both(one.known, other.known)
    if known is None:
        return Cells(one.values | other.values)
    true = one.true | other.true
    return Cells(true, known | true)


def _false(cells: Cells) -> Any:
    false = ~np.asarray(cells.values)
    return false if cells.known is None else false & cells.known


def _coalesce(_: Rows, cells: Cells, otherwise: Cells) -> Cells:
    if cells.known is None:
        return cells
    values = np.where(cells.known, cells.values, otherwise.values)
    return Cells(values, None if otherwise.known is None else cells.known | otherwise.known)


def _if_else(_: Rows, condition: Cells, one: Cells, other: Cells) -> Cells:
    chosen = condition.true
    values = np.where(chosen, one.values, other.values)
    if one.known is None and other.known is None:
        return Cells(values)
    sides = [True if cells.known is None else cells.known for cells in (one, other)]
    return Cells(values, np.where(chosen, *sides))


def _between(value: Any, low: Any, high: Any) -> Any:
    return (low <= value) & (value <= high)


def _is_in(_: Rows, cells: Cells, *choices: Cells) -> Cells:
    return Cells(np.isin(cells.values, [choice.values for choice in choices]), cells.known)


def _is_null(_: Rows, cells: Cells) -> Cells:
    return Cells(_NO if cells.known is None else ~cells.known)


def _not_null(_: Rows, cells: Cells) -> Cells:
    return Cells(_YES if cells.known is None else cells.known)


def _count(rows: Rows) -> Cells:
    return Cells(np.diff(rows.starts, append=rows.count))


def _reducing(function: np.ufunc, ignored: int) -> Callable[[Rows, Cells], Cells]:
    """An aggregate over the known cells of each group, unknown where there is none."""

    def reduce(rows: Rows, cells: Cells) -> Cells:
        values = np.broadcast_to(np.asarray(cells.values, np.int64), rows.count)
        if cells.known is None:
            return Cells(function.reduceat(values, rows.starts))
        known = np.broadcast_to(cells.known, rows.count)
        values = np.where(known, values, ignored)
        return Cells(
            function.reduceat(values, rows.starts), np.logical_or.reduceat(known, rows.starts)
        )

    return reduce


_YES, _NO = np.bool_(True), np.bool_(False)  # noqa: FBT003 (values, not flags)
_INT64 = np.iinfo(np.int64)
_FUNCTIONS: Mapping[Operator, Callable[..., Cells]] = {
    "equal": _strict(operator.eq),
    "not_equal": _strict(operator.ne),
    "less": _strict(operator.lt),
    "less_equal": _strict(operator.le),
    "greater": _strict(operator.gt),
    "greater_equal": _strict(operator.ge),
    "between": _strict(_between),
    "is_in": _is_in,
    "and": _and,
    "or": _or,
    "not": _strict(np.logical_not),
    "is_null": _is_null,
    "not_null": _not_null,
    "coalesce": _coalesce,
    "if_else": _if_else,
    "negate": _strict(operator.neg),
    "add": _strict(operator.add),
    "subtract": _strict(operator.sub),
    "shift_left": _strict(lambda value, bits: np.left_shift(np.int64(value), bits)),
    "bit_count": _strict(lambda value: np.bitwise_count(value).astype(np.int64)),
    "count": _count,
    "sum": _reducing(np.add, 0),
    "least": _reducing(np.minimum, _INT64.max),
    "greatest": _reducing(np.maximum, _INT64.min),
    "bit_or": _reducing(np.bitwise_or, 0),
}
