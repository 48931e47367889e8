"""Rows that belong to parents: every history table is a parent's rows laid end to end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from creditrisk.data.synthetic.randomness import BoolArray, FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class Rows:
    """The child rows of parents, in the parents' order.

    `parent` is each row's parent index, `position` its place among its siblings, `starts` the
    first row of each parent.
    """

    counts: IntArray
    starts: IntArray
    parent: IntArray
    position: IntArray

    @classmethod
    def of(cls, counts: IntArray) -> Self:
        """The rows of parents that have `counts` children each."""
        ends = np.cumsum(counts)
        starts = ends - counts
        parent = np.repeat(np.arange(len(counts)), counts)
        return cls(counts, starts, parent, np.arange(len(parent)) - starts[parent])

    def __len__(self) -> int:
        return len(self.parent)

    @property
    def parents(self) -> int:
        """Number of parents, those without rows included."""
        return len(self.counts)

    def count(self, mask: BoolArray) -> FloatArray:
        """Rows of each parent for which `mask` holds."""
        return np.bincount(self.parent[mask], minlength=self.parents).astype(np.float64)

    def total(self, values: FloatArray) -> FloatArray:
        """Sum of the values of each parent's rows, null counted as zero."""
        total = np.bincount(self.parent, np.nan_to_num(values), minlength=self.parents)
        return total.astype(np.float64)

    def mean(self, values: FloatArray) -> FloatArray:
        """Mean of the non-null values of each parent's rows; null where there is none."""
        known = ~np.isnan(values)
        return divide(self.total(values), self.count(known))

    def highest(self, values: FloatArray) -> FloatArray:
        """Highest non-null value of each parent's rows; null where there is none."""
        result = np.full(self.parents, -np.inf)
        known = ~np.isnan(values)
        np.maximum.at(result, self.parent[known], values[known])
        return np.where(np.isinf(result), np.nan, result)


def divide(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    """The ratio, null where the denominator is zero."""
    result = np.full(len(numerator), np.nan)
    np.divide(numerator, denominator, out=result, where=denominator != 0)
    return result
