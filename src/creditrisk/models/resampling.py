"""SMOTE with downsampling, as the notebook trained: kept for comparison only.

It moves the base rate of the training rows, so every PD is wrong until the calibration split
brings the population's rate back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from creditrisk.models.encoding import Matrix
from creditrisk.models.errors import TooFewDefaults

if TYPE_CHECKING:
    from numpy.typing import NDArray

NEIGHBOURS = 5
OVERSAMPLED_RATIO = 0.2  # defaults per repaid loan after SMOTE
DOWNSAMPLED_RATIO = 0.5  # defaults per repaid loan after dropping repaid loans
WARNING = (
    "resampling smote_downsampling: training rows are made up and dropped until "
    f"{DOWNSAMPLED_RATIO / (1 + DOWNSAMPLED_RATIO):.0%} of them default. Raw scores belong to that "
    "made-up population; only the calibration split brings PDs back. For comparison, not for use."
)
_HALFWAY = 0.5
_BLOCK_ROWS = 1024


def smote_downsampling(
    matrix: Matrix, target: NDArray[np.int8], category_counts: Sequence[int], seed: int
) -> tuple[Matrix, NDArray[np.int8]]:
    """Add interpolated defaults, then drop repaid loans at random.

    A new row lies between a default and one of its nearest defaults: numbers are interpolated, a
    category or a value that either lacks is copied from the nearer one. Categories do not count
    as distance.

    Raises:
        TooFewDefaults: fewer defaults than neighbours.

    Source: Chawla et al., SMOTE (JAIR 2002).
    """
    generator = np.random.default_rng(seed)
    defaults, repaid = matrix[target == 1], matrix[target == 0]
    if len(defaults) <= NEIGHBOURS:
        raise TooFewDefaults(len(defaults), NEIGHBOURS + 1)
    wanted = max(0, round(OVERSAMPLED_RATIO * len(repaid)) - len(defaults))
    made = _interpolated(defaults, np.array(category_counts), wanted, generator)
    kept = min(len(repaid), round((len(defaults) + wanted) / DOWNSAMPLED_RATIO))
    chosen = np.sort(generator.permutation(len(repaid))[:kept])
    rows = np.concatenate([repaid[chosen], defaults, made])
    outcome = np.concatenate([np.zeros(kept, np.int8), np.ones(len(defaults) + wanted, np.int8)])
    order = generator.permutation(len(rows))
    return rows[order], outcome[order]


def _interpolated(
    defaults: Matrix,
    category_counts: NDArray[np.int64],
    wanted: int,
    generator: np.random.Generator,
) -> Matrix:
    numbers = category_counts == 0
    base = generator.integers(len(defaults), size=wanted)
    parents, positions = np.unique(base, return_inverse=True)
    nearest = _nearest_neighbours(_standardised(defaults[:, numbers]), parents)
    chosen = nearest[positions, generator.integers(NEIGHBOURS, size=wanted)]
    distance = generator.random((wanted, 1))
    start, end = defaults[base], defaults[chosen]
    copied = np.where(distance < _HALFWAY, start, end)
    between = start + distance * (end - start)
    return np.where(numbers & ~np.isnan(between), between, copied)


def _standardised(numbers: Matrix) -> Matrix:
    """Columns with missing values at the median, mean 0 and deviation 1, outliers held back."""
    known = ~np.isnan(numbers).all(axis=0)
    columns = numbers[:, known]
    lower, median, upper = np.nanquantile(columns, (0.005, 0.5, 0.995), axis=0)
    filled = np.clip(np.where(np.isnan(columns), median, columns), lower, upper)
    deviation = filled.std(axis=0)
    standard: Matrix = (filled - filled.mean(axis=0)) / np.where(deviation > 0, deviation, 1)
    return standard


def _nearest_neighbours(rows: Matrix, wanted: NDArray[np.int64]) -> NDArray[np.int64]:
    """The nearest other rows of each wanted row, shape (n_wanted, NEIGHBOURS)."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    squared = (rows**2).sum(axis=1)
    blocks: list[NDArray[np.int64]] = []
    with threadpool_limits(1):  # BLAS sums in an order that depends on its threads
        for start in range(0, len(wanted), _BLOCK_ROWS):
            block = wanted[start : start + _BLOCK_ROWS]
            distances = squared - 2 * (rows[block] @ rows.T)
            distances[np.arange(len(block)), block] = np.inf
            blocks.append(np.argpartition(distances, NEIGHBOURS, axis=1)[:, :NEIGHBOURS])
    return np.concatenate(blocks) if blocks else np.empty((0, NEIGHBOURS), np.int64)
