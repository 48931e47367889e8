"""Rows laid end to end, parent by parent."""

from __future__ import annotations

import numpy as np
import pytest

from creditrisk.data.synthetic.ragged import Rows, divide

ROWS = Rows.of(np.array([2, 0, 3]))
VALUES = np.array([1.0, np.nan, 4.0, 5.0, 9.0])


def test_rows_know_parent_and_position() -> None:
    """Parents without rows are skipped."""
    assert ROWS.parent.tolist() == [0, 0, 2, 2, 2]
    assert ROWS.position.tolist() == [0, 1, 0, 1, 2]
    assert len(ROWS) == 5


def test_totals_count_null_as_zero() -> None:
    """A parent without rows has a total of zero."""
    assert ROWS.total(VALUES).tolist() == [1, 0, 18]


def test_means_leave_nulls_out() -> None:
    """A parent without values has no mean."""
    assert ROWS.mean(VALUES) == pytest.approx([1, np.nan, 6], nan_ok=True)


def test_highest_leaves_nulls_out() -> None:
    """A parent without values has no highest one."""
    assert ROWS.highest(VALUES) == pytest.approx([1, np.nan, 9], nan_ok=True)


def test_count_counts_the_true() -> None:
    """Rows for which the mask holds, parent by parent."""
    assert ROWS.count(VALUES > 3).tolist() == [0, 0, 3]


def test_division_by_zero_is_null() -> None:
    """A ratio to nothing is unknown, not infinite."""
    assert divide(np.array([1.0, 1.0]), np.array([2.0, 0.0])) == pytest.approx(
        [0.5, np.nan], nan_ok=True
    )
