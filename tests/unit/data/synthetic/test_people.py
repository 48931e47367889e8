"""Who is in a portfolio."""

from __future__ import annotations

import numpy as np
import pytest

from creditrisk.data.synthetic.people import (
    BLOCK_PEOPLE,
    KAGGLE_APPLICANTS,
    KAGGLE_TEST_APPLICANTS,
    blocks_of,
    is_test,
    people_for,
)


def test_kaggles_shares_are_kept() -> None:
    """Of as many people as Kaggle has, as many are unlabelled."""
    assert is_test(np.arange(KAGGLE_APPLICANTS)).sum() == KAGGLE_TEST_APPLICANTS


def test_unlabelled_people_are_spread_without_a_pattern() -> None:
    """Distances between unlabelled ids vary; no two neighbours are fixed."""
    distances = np.diff(np.flatnonzero(is_test(np.arange(10_000))))
    assert len(np.unique(distances)) > 8
    assert distances.max() < 16


@pytest.mark.parametrize("applicants", [1, 2, 7, 300, 5_000])
def test_people_hold_exactly_the_labelled_ones_asked_for(applicants: int) -> None:
    """As many people as needed, and the last of them is labelled."""
    labelled = ~is_test(np.arange(people_for(applicants)))
    assert labelled.sum() == applicants
    assert labelled[-1]


def test_blocks_cover_everybody_once() -> None:
    """Blocks follow each other without gap; only the last may be short."""
    blocks = blocks_of(0, 2 * BLOCK_PEOPLE + 5)
    assert [(block.first, block.size) for block in blocks] == [
        (0, BLOCK_PEOPLE),
        (BLOCK_PEOPLE, BLOCK_PEOPLE),
        (2 * BLOCK_PEOPLE, 5),
    ]


def test_blocks_of_a_prior_shift_hold_spare_people_within_their_ids() -> None:
    """More people than wanted, but never more than a block has ids for."""
    blocks = blocks_of(1, 3_000, default_odds_factor=1.56)
    assert sum(block.wanted for block in blocks) == 3_000
    assert all(1.5 * block.wanted < block.size <= BLOCK_PEOPLE for block in blocks)
