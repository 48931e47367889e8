"""Conditions on rows as data: sealed with a model, evaluated on numpy columns without Ibis.

SQL's three-valued logic holds: what depends on an empty cell is unknown, neither true nor false.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from creditrisk.core.report import Part

if TYPE_CHECKING:
    from numpy.typing import NDArray

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


@dataclass(frozen=True, slots=True)
class Cells:
    """Values and whether each is known; a constant is one value that is known."""

    values: Any
    known: Any

    @property
    def true(self) -> Any:
        """Where a truth value is known to be true."""
        return self.values & self.known


@dataclass(frozen=True)
class Rows:
    """Columns of equally many rows.

    `starts` are the first rows of groups whose rows lie together; an aggregate needs them.
    """

    columns: Mapping[str, Cells]
    count: int
    starts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(1, np.int64))

    @cached_property
    def group_sizes(self) -> NDArray[np.int64]:
        """The number of rows of each group."""
        return np.diff(self.starts, append=self.count)

    def reduced(self, function: np.ufunc, values: Any) -> Any:
        """One value for each group."""
        return function.reduceat(np.broadcast_to(values, self.count), self.starts)


Evaluation = Callable[[Rows], Cells]


def evaluation(condition: Condition) -> Evaluation:
    """The function that evaluates a condition on rows."""
    if isinstance(condition, ColumnCell):
        name = condition.column
        return lambda rows: rows.columns[name]
    if isinstance(condition, Constant):
        constant = Cells(condition.value, known=True)
        return lambda _: constant
    operands = tuple(map(evaluation, condition.operands))
    if condition.operator in _AGGREGATES:
        return _aggregating(_AGGREGATES[condition.operator], operands)
    return _applying(_FUNCTIONS[condition.operator], operands)


def _applying(function: Callable[..., Cells], operands: tuple[Evaluation, ...]) -> Evaluation:
    return lambda rows: function(*(operand(rows) for operand in operands))


def _aggregating(function: Callable[..., Cells], operands: tuple[Evaluation, ...]) -> Evaluation:
    return lambda rows: function(rows, *(operand(rows) for operand in operands))


def _strict(function: Callable[..., Any]) -> Callable[..., Cells]:
    """An operator whose result is unknown where an operand is."""

    def apply(*cells: Cells) -> Cells:
        known = cells[0].known
        for further in cells[1:]:
            known = known & further.known
        return Cells(function(*(cell.values for cell in cells)), known)

    return apply


def _and(one: Cells, other: Cells) -> Cells:
    false = (one.known & ~one.values) | (other.known & ~other.values)
    return Cells(one.true & other.true, (one.known & other.known) | false)


def _or(one: Cells, other: Cells) -> Cells:
    true = one.true | other.true
    return Cells(true, (one.known & other.known) | true)


def _coalesce(cells: Cells, otherwise: Cells) -> Cells:
    values = np.where(cells.known, cells.values, otherwise.values)
    return Cells(values, cells.known | otherwise.known)


def _if_else(condition: Cells, one: Cells, other: Cells) -> Cells:
    chosen = condition.true
    return Cells(
        np.where(chosen, one.values, other.values), np.where(chosen, one.known, other.known)
    )


def _between(value: Any, low: Any, high: Any) -> Any:
    return (low <= value) & (value <= high)


def _is_in(cells: Cells, *choices: Cells) -> Cells:
    return Cells(np.isin(cells.values, [choice.values for choice in choices]), cells.known)


def _is_null(cells: Cells) -> Cells:
    return Cells(~cells.known, np.bool_(True))  # noqa: FBT003 (a value, not a flag)


def _not_null(cells: Cells) -> Cells:
    return Cells(cells.known, np.bool_(True))  # noqa: FBT003 (a value, not a flag)


_FUNCTIONS: Mapping[str, Callable[..., Cells]] = {
    "equal": _strict(lambda one, other: one == other),
    "not_equal": _strict(lambda one, other: one != other),
    "less": _strict(lambda one, other: one < other),
    "less_equal": _strict(lambda one, other: one <= other),
    "greater": _strict(lambda one, other: one > other),
    "greater_equal": _strict(lambda one, other: one >= other),
    "between": _strict(_between),
    "is_in": _is_in,
    "and": _and,
    "or": _or,
    "not": _strict(lambda value: ~value),
    "is_null": _is_null,
    "not_null": _not_null,
    "coalesce": _coalesce,
    "if_else": _if_else,
    "negate": _strict(lambda value: -value),
    "add": _strict(lambda one, other: one + other),
    "subtract": _strict(lambda one, other: one - other),
    "shift_left": _strict(lambda value, bits: np.left_shift(np.int64(value), bits)),
    "bit_count": _strict(lambda value: np.bitwise_count(value).astype(np.int64)),
}


def _count(rows: Rows) -> Cells:
    return Cells(rows.group_sizes, np.bool_(True))  # noqa: FBT003 (a value, not a flag)


def _reducing(function: np.ufunc, ignored: int) -> Callable[[Rows, Cells], Cells]:
    """An aggregate over the known cells of each group, unknown where there is none."""

    def reduce(rows: Rows, cells: Cells) -> Cells:
        values = np.where(cells.known, cells.values, ignored)
        return Cells(
            rows.reduced(function, values.astype(np.int64)),
            rows.reduced(np.logical_or, cells.known),
        )

    return reduce


_INT64 = np.iinfo(np.int64)
_AGGREGATES: Mapping[str, Callable[..., Cells]] = {
    "count": _count,
    "sum": _reducing(np.add, 0),
    "least": _reducing(np.minimum, _INT64.max),
    "greatest": _reducing(np.maximum, _INT64.min),
    "bit_or": _reducing(np.bitwise_or, 0),
}
