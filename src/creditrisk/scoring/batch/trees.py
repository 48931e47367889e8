"""A LightGBM model evaluated column by column: the booster's scores to the last bit, in less time.

The booster walks each row down each tree. Here a tree's split is asked of all rows at once: rows
that go right lose the leaves on its left, and the first leaf that is left over is the row's. A
feature's values become small integers first, the number of thresholds below each, on which the
processor compares 32 rows at a time. Leaf values are added in the booster's order, so that no bit
of the sum differs.

Source: Lucchese et al., QuickScorer: a fast algorithm to rank documents with additive ensembles of
regression trees (2015).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

# What a split does with a missing value.
Missing = Literal["left", "right", "zero"]
Column = NDArray[np.float64]

_MOST_LEAVES = 12  # a tree's table holds a value for each set of leaves
_MOST_THRESHOLDS = 255
_NO_CATEGORY = 255
_CATEGORICAL = 1
_DEFAULT_LEFT = 2
_BITS = 32
# What bits 2 and 3 of a split's decision type say of missing values.
_MISSING_IS_ZERO, _ZERO_IS_MISSING = 0, 1


class NotColumnwise(Exception):
    """The model has something that only the booster itself can evaluate."""


@dataclass(frozen=True, slots=True)
class _Split:
    """One question: does the row go right, and which leaves does it then lose?

    A row goes right where its feature's code is above `code`, or, for a category, where
    `goes_right` says so of it.
    """

    feature: int
    missing: Missing
    code: int
    goes_right: NDArray[np.bool_] | None
    lost: np.uint16


@dataclass(frozen=True, slots=True)
class _Tree:
    """The questions of a tree, and the value of the row's leaf by the set of leaves it lost."""

    splits: tuple[_Split, ...]
    values: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Codes:
    """A feature's values as small integers, in a variant for each way to treat missing values."""

    left: NDArray[np.uint8]
    right: NDArray[np.uint8]
    zero: NDArray[np.uint8]


class ColumnTrees:
    """A LightGBM model over columns."""

    def __init__(self, trees: Sequence[_Tree], thresholds: Sequence[Column]) -> None:
        self._trees = trees
        self._thresholds = thresholds
        self._numbers = sorted(
            {s.feature for tree in trees for s in tree.splits if s.goes_right is None}
        )
        self._categories = sorted(
            {s.feature for tree in trees for s in tree.splits if s.goes_right is not None}
        )

    @classmethod
    def parse(cls, model_text: str, features: int) -> Self:
        """Read the booster's text.

        Args:
            model_text: as the bundle's booster.txt holds it.
            features: how many columns the model reads.

        Raises:
            NotColumnwise: it has larger trees, or trees of another kind, than this can evaluate.
        """
        blocks = [_fields(block) for block in model_text.split("\nTree=")[1:]]
        if any(fields.get("is_linear", "0") != "0" for fields in blocks):
            raise NotColumnwise
        thresholds = _thresholds(blocks, features)
        return cls([_tree(fields, thresholds) for fields in blocks], thresholds)

    def raw_scores(self, columns: Sequence[Column]) -> NDArray[np.float64]:
        """The log-odds of each row before calibration; `columns` as `FeatureEncoding.columns`."""
        rows = len(columns[0])
        numbers = {f: _codes(columns[f], self._thresholds[f]) for f in self._numbers}
        categories = {f: _category_codes(columns[f]) for f in self._categories}
        scores = np.zeros(rows)
        lost, loses = np.empty(rows, np.uint16), np.empty(rows, np.uint16)
        right, leaf = np.empty(rows, np.bool_), np.empty(rows)
        places = np.empty(rows, np.intp)
        for tree in self._trees:
            lost[:] = 0
            for split in tree.splits:
                if split.goes_right is None:
                    codes = getattr(numbers[split.feature], split.missing)
                    np.greater(codes, split.code, out=right)
                else:
                    np.take(split.goes_right, categories[split.feature], out=right)
                np.multiply(right.view(np.uint8), split.lost, out=loses, dtype=np.uint16)
                np.bitwise_or(lost, loses, out=lost)
            places[:] = lost
            np.take(tree.values, places, out=leaf, mode="clip")
            scores += leaf
        return scores


def _fields(block: str) -> dict[str, str]:
    lines = (line.partition("=") for line in block.partition("\n\n")[0].splitlines())
    return {name: value for name, _, value in lines}


def _numbers(fields: dict[str, str], name: str) -> list[float]:
    return [float(text) for text in fields.get(name, "").split()]


def _integers(fields: dict[str, str], name: str) -> list[int]:
    return [int(text) for text in fields.get(name, "").split()]


def _thresholds(blocks: Sequence[dict[str, str]], features: int) -> list[Column]:
    """The different thresholds of each feature, rising."""
    found: list[set[float]] = [set() for _ in range(features)]
    for fields in blocks:
        kinds = _integers(fields, "decision_type")
        places = zip(
            _integers(fields, "split_feature"), _numbers(fields, "threshold"), kinds, strict=True
        )
        for feature, threshold, kind in places:
            if not kind & _CATEGORICAL:
                found[feature].add(threshold)
    if max(map(len, found), default=0) > _MOST_THRESHOLDS:
        raise NotColumnwise
    return [np.array(sorted(thresholds)) for thresholds in found]


def _tree(fields: dict[str, str], thresholds: Sequence[Column]) -> _Tree:
    values = _numbers(fields, "leaf_value")
    if len(values) > _MOST_LEAVES:
        raise NotColumnwise
    if len(values) == 1:
        return _Tree((), np.array(values))
    order, spans = _in_order(_integers(fields, "left_child"), _integers(fields, "right_child"))
    splits = tuple(
        _split(fields, node, spans[node], thresholds)
        for node in range(len(_integers(fields, "split_feature")))
    )
    return _Tree(splits, np.array(values)[order][_first_left_over(len(order))])


def _in_order(left: list[int], right: list[int]) -> tuple[list[int], dict[int, tuple[int, int]]]:
    """The leaves from left to right, and for each node which of them lie on its left."""
    order: list[int] = []
    spans: dict[int, tuple[int, int]] = {}

    def walk(node: int) -> None:
        if node < 0:  # the booster writes leaf n as ~n
            order.append(~node)
            return
        start = len(order)
        walk(left[node])
        spans[node] = (start, len(order))
        walk(right[node])

    walk(0)
    return order, spans


@cache
def _first_left_over(leaves: int) -> NDArray[np.intp]:
    """The first leaf that is not lost, for each set of lost leaves."""
    lost = np.arange(1 << leaves)
    first = np.zeros(1 << leaves, np.intp)  # no row loses all
    for leaf in reversed(range(leaves)):
        first[lost >> leaf & 1 == 0] = leaf
    return first


def _split(
    fields: dict[str, str], node: int, span: tuple[int, int], thresholds: Sequence[Column]
) -> _Split:
    feature = _integers(fields, "split_feature")[node]
    kind = _integers(fields, "decision_type")[node]
    threshold = _numbers(fields, "threshold")[node]
    lost = np.uint16((1 << span[1]) - (1 << span[0]))
    if kind & _CATEGORICAL:
        return _Split(feature, "right", 0, _goes_right(fields, int(threshold)), lost)
    code = int(np.searchsorted(thresholds[feature], threshold))
    return _Split(feature, _missing(kind), code, None, lost)


def _missing(kind: int) -> Missing:
    handling = kind >> 2 & 3
    if handling == _ZERO_IS_MISSING:
        raise NotColumnwise
    if handling == _MISSING_IS_ZERO:
        return "zero"
    return "left" if kind & _DEFAULT_LEFT else "right"


def _goes_right(fields: dict[str, str], split: int) -> NDArray[np.bool_]:
    """Whether each category goes right, a missing one included."""
    start, end = _integers(fields, "cat_boundaries")[split : split + 2]
    words = _integers(fields, "cat_threshold")[start:end]
    right = np.ones(_NO_CATEGORY + 1, np.bool_)
    for category in range(min(len(words) * _BITS, _NO_CATEGORY)):
        right[category] = not words[category // _BITS] >> category % _BITS & 1
    return right


def _codes(values: Column, thresholds: Column) -> _Codes:
    """How many thresholds lie below each value: `value <= thresholds[k]` is `code <= k`."""
    codes = np.searchsorted(thresholds, values).astype(np.uint8)  # NaN sorts above all
    missing = np.isnan(values)
    if not missing.any():
        return _Codes(codes, codes, codes)
    below = np.where(missing, np.uint8(0), codes)
    zero = np.where(missing, np.uint8(np.searchsorted(thresholds, 0.0)), codes)
    return _Codes(left=below, right=codes, zero=zero)


def _category_codes(values: Column) -> NDArray[np.uint8]:
    if np.nanmax(values, initial=0) >= _NO_CATEGORY:
        raise NotColumnwise
    codes: NDArray[np.uint8] = np.where(np.isnan(values), _NO_CATEGORY, values).astype(np.uint8)
    return codes
