"""The columns of a generated table before they are written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from creditrisk.data.synthetic.randomness import BoolArray, FloatArray, IntArray

NULL_CODE = -1
NOT_APPLICABLE_DAYS = 365_243  # the data model's sentinel for a date that does not exist


@dataclass(frozen=True, slots=True)
class Categories:
    """A category column: an index into `labels` each row, `NULL_CODE` where null."""

    codes: IntArray
    labels: tuple[str, ...]

    def take(self, order: IntArray | BoolArray) -> Categories:
        """The rows at `order`, or those where it is true."""
        return Categories(self.codes[order], self.labels)

    def where(self, mask: BoolArray, label: str) -> Categories:
        """The same column with `label` where `mask` holds."""
        return Categories(np.where(mask, self.labels.index(label), self.codes), self.labels)

    def null_where(self, mask: BoolArray) -> Categories:
        """The same column with nulls where `mask` holds."""
        return Categories(np.where(mask, NULL_CODE, self.codes), self.labels)

    def equals(self, *labels: str) -> BoolArray:
        """True where the value is one of `labels`."""
        return np.isin(self.codes, [self.labels.index(label) for label in labels])

    def lookup(self, values: Mapping[str, float], default: float = 0.0) -> FloatArray:
        """The number that belongs to each row's label, `default` for others and for null."""
        table = np.array([*(values.get(label, default) for label in self.labels), default])
        return table[self.codes]


Values = NDArray[np.int64] | NDArray[np.float64] | NDArray[np.bool_] | Categories
ColumnSet = dict[str, Values]


def take_rows(columns: ColumnSet, order: IntArray | BoolArray) -> ColumnSet:
    """The rows of every column at `order`, or those where it is true."""
    return {
        name: values.take(order) if isinstance(values, Categories) else values[order]
        for name, values in columns.items()
    }


def stack_rows(first: ColumnSet, second: ColumnSet) -> ColumnSet:
    """The rows of two column sets with the same columns, one after the other."""
    return {name: _stack(values, second[name]) for name, values in first.items()}


def _stack(first: Values, second: Values) -> Values:
    if isinstance(first, Categories) and isinstance(second, Categories):
        return Categories(np.concatenate([first.codes, second.codes]), first.labels)
    return np.concatenate([np.asarray(first), np.asarray(second)])


def row_count(columns: ColumnSet) -> int:
    """Number of rows of a column set."""
    first = next(iter(columns.values()))
    return len(first.codes if isinstance(first, Categories) else first)


def numbers(columns: ColumnSet, name: str) -> FloatArray:
    """A numeric column as doubles."""
    values = columns[name]
    if isinstance(values, Categories):
        raise TypeError(name)
    return values.astype(np.float64)


def whole_numbers(columns: ColumnSet, name: str) -> IntArray:
    """A column of ids or counts."""
    return numbers(columns, name).astype(np.int64)


def categories(columns: ColumnSet, name: str) -> Categories:
    """A category column."""
    values = columns[name]
    if not isinstance(values, Categories):
        raise TypeError(name)
    return values


def clip(values: FloatArray, low: float, high: float) -> FloatArray:
    """The values, none below `low` nor above `high`."""
    return np.minimum(np.maximum(values, low), high)


def round_to(values: FloatArray, step: float) -> FloatArray:
    """The nearest multiple of `step`."""
    return np.rint(values / step) * step


def cents(values: FloatArray) -> FloatArray:
    """Money to two decimal places."""
    return np.rint(values * 100.0) / 100.0


def null_where(values: FloatArray, mask: BoolArray) -> FloatArray:
    """The values with nulls where `mask` holds."""
    return np.where(mask, np.nan, values)


def labels_of(shares: Mapping[str, float]) -> tuple[str, ...]:
    """The labels of a table of shares."""
    return tuple(shares)


def shares_of(shares: Mapping[str, float]) -> Sequence[float]:
    """The shares of a table of shares."""
    return tuple(shares.values())
