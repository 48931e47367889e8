"""Trees evaluated column by column."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pytest
from simulated_lending import fitted

from creditrisk.models.native import LightGBMBooster
from creditrisk.scoring.batch.trees import ColumnTrees, NotColumnwise

if TYPE_CHECKING:
    from numpy.typing import NDArray

ONE_SPLIT = """tree
version=v4

Tree=0
num_leaves=2
num_cat=0
split_feature=0
threshold={threshold}
decision_type={decision_type}
left_child=-1
right_child=-2
leaf_value=0.25 -0.5

end of trees
"""


@cache
def model_text() -> str:
    text: str = fitted().classifier.model_text_
    return text


def matrix(rows: int, seed: int) -> NDArray[np.float64]:
    """Encoded rows with missing values in every column, and values at and beside thresholds."""
    generator = np.random.default_rng(seed)
    values = np.column_stack(
        [
            generator.random(rows),
            generator.exponential(3.0, rows),
            generator.poisson(0.5, rows).astype(float),
            generator.integers(8, size=rows).astype(float),
        ]
    )
    words = model_text().split("threshold=")[1].split("\n")[0].split()
    limits = np.array([float(word) for word in words])
    edges = np.concatenate([limits, np.nextafter(limits, 9), [-0.0, np.inf, -np.inf]])
    values[: len(edges), :3] = edges[:, None]
    values[generator.random(values.shape) < 0.2] = np.nan
    return values


def text_of(kind: int) -> str:
    return ONE_SPLIT.format(threshold=1.0, decision_type=kind)


def one_split(kind: int) -> ColumnTrees:
    return ColumnTrees.parse(text_of(kind), 1)


@pytest.mark.parametrize("seed", range(5))
def test_scores_are_the_booster_s_to_the_last_bit(seed: int) -> None:
    """No bit of a score differs from the booster's, missing and extreme values included."""
    rows = matrix(3_000, seed)
    required = LightGBMBooster(model_text().encode()).raw_scores(rows, 1)
    seen = ColumnTrees.parse(model_text(), 4).raw_scores(list(rows.T))
    assert np.array_equal(seen, required)


@pytest.mark.parametrize("rows", [1, 2, 7])
def test_a_row_s_score_never_depends_on_the_others(rows: int) -> None:
    """A row scores the same alone and among others."""
    trees = ColumnTrees.parse(model_text(), 4)
    values = matrix(3_000, 1)
    whole = trees.raw_scores(list(values.T))
    pieces = [trees.raw_scores(list(values[n : n + rows].T)) for n in range(0, 70, rows)]
    assert np.array_equal(np.concatenate(pieces)[:70], whole[:70])


@pytest.mark.parametrize(
    ("kind", "leaf"),
    [(8, -0.5), (10, 0.25), (0, 0.25), (2, 0.25)],
    ids=["missing goes right", "missing goes left", "missing is zero", "missing is zero, left"],
)
def test_a_missing_value_goes_where_the_split_says(kind: int, leaf: float) -> None:
    """A missing value goes left, right, or where zero goes, as the split's decision type says."""
    assert one_split(kind).raw_scores([np.array([np.nan])]).tolist() == [leaf]


def test_a_value_at_the_threshold_goes_left() -> None:
    """The split is `value <= threshold`."""
    values = np.array([1.0, np.nextafter(1.0, 2)])
    assert one_split(8).raw_scores([values]).tolist() == [0.25, -0.5]


def test_what_only_the_booster_can_evaluate_is_told() -> None:
    """Zeros as missing values, larger trees and linear trees are left to the booster."""
    larger = text_of(8).replace("0.25 -0.5", " ".join(["0.1"] * 13))
    linear = text_of(8).replace("num_cat=0", "num_cat=0\nis_linear=1")
    for text in (text_of(4), larger, linear):
        with pytest.raises(NotColumnwise):
            ColumnTrees.parse(text, 1)


def test_a_tree_without_splits_adds_its_one_value() -> None:
    """A tree of one leaf adds the same to every row."""
    text = "tree\n\nTree=0\nnum_leaves=1\nnum_cat=0\nleaf_value=0.125\n\nend of trees\n"
    assert ColumnTrees.parse(text, 1).raw_scores([np.zeros(3)]).tolist() == [0.125] * 3
