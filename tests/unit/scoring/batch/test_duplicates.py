"""Applicants who stand in a file more than once."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest

from creditrisk.core.settings import ResourceSettings
from creditrisk.scoring.batch.duplicates import duplicated_ids

LITTLE = ResourceSettings(threads=1, memory_limit="60MB")


def test_ids_of_several_rows_are_found_across_pieces() -> None:
    """An id counts however far apart its rows stand; nulls are no applicant."""
    pieces = [pa.array([5, 1, None]), pa.array([2, 9, None]), pa.array([9, 1, 3])]
    assert duplicated_ids(pieces, LITTLE).tolist() == [1, 9]


@pytest.mark.slow
def test_more_ids_than_fit_into_memory_are_counted() -> None:
    """Past the memory limit the count goes to disk."""

    def pieces() -> Iterator[pa.Array]:
        for start in range(0, 8_000_000, 1_000_000):
            yield pa.array(np.arange(start, start + 1_000_000) * 7_919)
        yield pa.array([7_919 * 4_000_000])

    assert duplicated_ids(pieces(), LITTLE).tolist() == [7_919 * 4_000_000]
