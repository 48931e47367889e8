from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from metric_samples import few, samples

from creditrisk.models import metrics


@few
@given(samples(), st.integers(2, 12))
def test_risk_bands_hold_every_row_once_and_never_split_a_tie(
    sample: tuple[np.ndarray, np.ndarray], bins: int
) -> None:
    """Bands are disjoint in PD, rise, and add up to the sample."""
    target, pd = sample
    bands = metrics.risk_bands(target, pd, bins)
    assert len(bands) <= bins
    assert sum(band.rows for band in bands) == target.size
    assert sum(band.defaults for band in bands) == target.sum()
    assert all(a.largest_pd < b.smallest_pd for a, b in itertools.pairwise(bands))
    assert sum(b.rows * b.mean_pd for b in bands) == pytest.approx(pd.sum())


def test_risk_bands_of_distinct_pds_are_equal_in_size() -> None:
    """A thousand different PDs give ten bands of a hundred."""
    pd = np.random.default_rng(0).permutation(1_000) / 1_000
    bands = metrics.risk_bands(np.arange(1_000) % 2, pd, 10)
    assert [band.rows for band in bands] == [100] * 10


def test_deciles_by_hand() -> None:
    """Twenty rows whose four defaulters are the two, the fifth and the last by PD."""
    target = np.zeros(20, dtype=int)
    target[[0, 1, 4, 19]] = 1
    table = metrics.decile_table(target, np.linspace(0.9, 0.1, 20))
    assert [decile.number for decile in table] == list(range(1, 11))
    assert [decile.band.defaults for decile in table] == [2, 0, 1, 0, 0, 0, 0, 0, 0, 1]
    assert [decile.gain for decile in table] == [0.5, 0.5, *[0.75] * 7, 1.0]
    assert [table[0].lift, table[2].lift] == pytest.approx([5, 2.5])
    assert [table[1].cumulative_lift, table[9].cumulative_lift] == pytest.approx([2.5, 1])
