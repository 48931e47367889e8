"""Random numbers that depend on what they are for, never on when or where they are drawn.

Every draw has its own counter-based stream, keyed by the portfolio's seed, the population (the
snapshot or a production month), the block of applicants and the name of the draw. So the bytes of
a portfolio depend neither on the number of workers nor on the order in which blocks are made, and
a draw added to one table changes no other table. A stream gives the same first values whatever
its length, so a block that is cut short holds the same applicants.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class BlockRandom:
    """The random streams of one block of applicants."""

    seed: int
    population: int
    block: int

    def stream(self, name: str) -> np.random.Generator:
        """The stream of one named draw, always from its beginning."""
        words = f"{self.seed}/{self.population}/{self.block}/{name}".encode()
        key = np.frombuffer(hashlib.blake2b(words, digest_size=16).digest(), dtype=np.uint64)
        return np.random.Generator(np.random.Philox(key=key))

    def uniform(self, name: str, size: int) -> FloatArray:
        """Uniform on [0, 1)."""
        return self.stream(name).random(size)

    def normal(self, name: str, size: int) -> FloatArray:
        """Standard normal."""
        return self.stream(name).standard_normal(size)

    def chance(self, name: str, probability: FloatArray | float, size: int) -> BoolArray:
        """True with the given probability, one for all or one each."""
        return self.uniform(name, size) < probability

    def between(self, name: str, low: float, high: float, size: int) -> FloatArray:
        """Uniform on [low, high)."""
        return low + (high - low) * self.uniform(name, size)

    def pick(self, name: str, shares: Sequence[float], size: int) -> IntArray:
        """Indices drawn in proportion to `shares`, which need not add up to one."""
        return pick_at(self.uniform(name, size), shares)

    def from_quantiles(
        self, name: str, levels: Sequence[float], values: Sequence[float], size: int
    ) -> FloatArray:
        """Values whose quantiles at `levels` are `values`, linear in between."""
        return np.interp(self.uniform(name, size), levels, values)


def pick_at(uniform: FloatArray, shares: Sequence[float]) -> IntArray:
    """The index into which each uniform number falls when [0, 1) is cut in proportion to `shares`."""
    cumulative = np.cumsum(shares)
    return np.searchsorted(cumulative[:-1] / cumulative[-1], uniform, side="right")


def pick_by_kind(
    uniform: FloatArray, kind: IntArray, shares: Sequence[Sequence[float]]
) -> IntArray:
    """As `pick_at`, with one row of `shares` for each kind."""
    picked = np.zeros(len(uniform), dtype=np.int64)
    for index, row in enumerate(shares):
        mask = kind == index
        picked[mask] = pick_at(uniform[mask], row)
    return picked


def logistic(log_odds: FloatArray) -> FloatArray:
    """The probability that belongs to log-odds."""
    return np.reciprocal(1.0 + np.exp(-log_odds))
