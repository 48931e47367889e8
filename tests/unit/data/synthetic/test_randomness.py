"""Named streams of random numbers."""

from __future__ import annotations

import numpy as np
import pytest

from creditrisk.data.synthetic.randomness import BlockRandom, logistic, pick_at, pick_by_kind

RANDOM = BlockRandom(seed=1, population=0, block=2)


def test_a_stream_always_starts_at_its_beginning() -> None:
    """What was drawn before changes nothing."""
    first = RANDOM.uniform("a", 5)
    RANDOM.normal("b", 100)
    assert (RANDOM.uniform("a", 5) == first).all()


def test_a_longer_draw_begins_with_the_shorter() -> None:
    """People at the beginning of a block do not depend on who follows them."""
    assert (RANDOM.normal("a", 50)[:7] == RANDOM.normal("a", 7)).all()


@pytest.mark.parametrize(
    "other",
    [BlockRandom(2, 0, 2), BlockRandom(1, 1, 2), BlockRandom(1, 0, 3)],
    ids=["seed", "population", "block"],
)
def test_seed_population_and_block_each_give_another_stream(other: BlockRandom) -> None:
    """No two blocks share numbers."""
    assert not np.intersect1d(RANDOM.uniform("a", 100), other.uniform("a", 100)).size


def test_names_give_independent_streams() -> None:
    """Two names have no numbers in common and are not correlated."""
    first, second = RANDOM.uniform("a", 10_000), RANDOM.uniform("b", 10_000)
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.04


def test_pick_keeps_proportions() -> None:
    """Indices come in proportion to shares that need not add up to one."""
    assert np.bincount(pick_at(np.array([0.0, 0.24, 0.25, 0.99]), (1, 3))).tolist() == [2, 2]


def test_pick_by_kind_reads_each_kinds_row() -> None:
    """Each element is drawn from the shares of its own kind."""
    picked = pick_by_kind(np.full(2, 0.5), np.array([0, 1]), ((1, 0), (0, 1)))
    assert picked.tolist() == [0, 1]


def test_logistic_is_the_inverse_of_the_log_odds() -> None:
    """Log-odds 0 are one half."""
    assert logistic(np.array([0.0, np.log(3)])) == pytest.approx([0.5, 0.75])
