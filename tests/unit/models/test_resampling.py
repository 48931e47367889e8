"""SMOTE with downsampling."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from creditrisk.models.errors import TooFewDefaults
from creditrisk.models.resampling import smote_downsampling

if TYPE_CHECKING:
    from numpy.typing import NDArray

CATEGORIES = [0, 0, 3]


def portfolio(rows: int = 2000, defaults: int = 160) -> tuple[NDArray[Any], NDArray[np.int8]]:
    """Two numbers, the second at times missing, and a category; defaults lie around (5, 5)."""
    generator = np.random.default_rng(2)
    target = np.zeros(rows, np.int8)
    target[generator.choice(rows, defaults, replace=False)] = 1
    numbers = generator.normal(size=(rows, 2)) + 5 * target[:, None]
    numbers[generator.random(rows) < 0.2, 1] = np.nan
    return np.column_stack([numbers, generator.integers(3, size=rows)]), target


def resampled(seed: int = 1) -> tuple[NDArray[Any], NDArray[np.int8]]:
    return smote_downsampling(*portfolio(), CATEGORIES, seed)


def test_a_third_of_the_rows_are_defaults() -> None:
    """Defaults are a fifth of the repaid loans after SMOTE, half of those kept after dropping."""
    _, target = resampled()
    assert target.sum() == 368
    assert len(target) == 368 + 736


def test_kept_rows_are_real() -> None:
    """Every repaid loan and every original default is a row of the data."""
    rows, target = resampled()
    original, _ = portfolio()
    real = {row.tobytes() for row in original}
    assert all(row.tobytes() in real for row in rows[target == 0])
    assert sum(row.tobytes() in real for row in rows[target == 1]) == 160


def test_made_up_defaults_lie_between_defaults() -> None:
    """Numbers stay inside the range of the defaults, categories remain categories."""
    rows, target = resampled()
    original, outcome = portfolio()
    low, high = (f(original[outcome == 1], axis=0) for f in (np.nanmin, np.nanmax))
    made = rows[target == 1]
    inside = (made >= low) & (made <= high) | np.isnan(made)
    assert inside.all()
    assert set(made[:, 2]) == {0.0, 1.0, 2.0}


def test_missing_values_stay_missing_at_times() -> None:
    """A value that the copied parent lacks is missing, it is not made up."""
    rows, target = resampled()
    assert 0.05 < np.isnan(rows[target == 1, 1]).mean() < 0.3


def test_the_seed_decides() -> None:
    """The same seed gives the same rows, another seed others."""
    assert np.array_equal(resampled()[0], resampled()[0], equal_nan=True)
    assert not np.array_equal(resampled()[0], resampled(seed=2)[0], equal_nan=True)


def test_five_defaults_are_too_few() -> None:
    """A default needs five other defaults as neighbours."""
    with pytest.raises(TooFewDefaults, match="5 defaults in the train split"):
        smote_downsampling(*portfolio(100, 5), CATEGORIES, 1)
