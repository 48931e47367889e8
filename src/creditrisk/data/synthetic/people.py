"""Who is in a portfolio: ids, populations and the qualities that nobody observes.

A person has a latent credit quality. Payment discipline and financial strain are that quality
plus noise of their own; every history is drawn from them, which is why histories agree.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from creditrisk.data.synthetic.randomness import BlockRandom, BoolArray, FloatArray, IntArray
from creditrisk.data.synthetic.scenarios import Shift

BLOCK_PEOPLE = 4_096
FIRST_APPLICANT_ID = 100_001
KAGGLE_TEST_APPLICANTS = 48_744
KAGGLE_APPLICANTS = 356_255

# A production month's ids lie this far above the snapshot's, so that no id is ever used twice.
MONTH_ID_OFFSET = 100_000_000


@dataclass(frozen=True, slots=True)
class Block:
    """A run of consecutive people of one population: the unit of every random stream.

    `month` 0 is the snapshot, whose people are partly unlabelled (application_test); people of a
    production month all belong to the labelled population. `wanted` people of `size` stay where a
    scenario turns people away, all of them elsewhere.
    """

    month: int
    number: int
    size: int
    wanted: int

    @property
    def first(self) -> int:
        """Index of the block's first person in its population."""
        return self.number * BLOCK_PEOPLE


@dataclass(frozen=True, slots=True)
class People:
    """The people of one block, one array element each."""

    sk_id: IntArray
    is_test: BoolArray
    quality: FloatArray
    discipline: FloatArray
    strain: FloatArray
    age_days: FloatArray

    def __len__(self) -> int:
        return len(self.sk_id)

    def by_population(self, labelled: float, unlabelled: float) -> FloatArray:
        """A parameter that differs between application_train's and application_test's people."""
        return np.where(self.is_test, unlabelled, labelled)


AGE_LEVELS = (0, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 1)
AGE_DAYS = (7_690, 8_220, 10_245, 12_450, 15_807, 19_571, 22_149, 24_485, 25_190)


def draw_people(block: Block, random: BlockRandom, shift: Shift) -> People:
    """The people of a block with their latent qualities."""
    size = block.size
    index = block.first + np.arange(size)
    quality = random.normal("quality", size) + shift.quality
    age = np.interp(random.uniform("age", size) ** shift.age_power, AGE_LEVELS, AGE_DAYS)
    return People(
        sk_id=FIRST_APPLICANT_ID + index + block.month * MONTH_ID_OFFSET,
        is_test=is_test(index) if block.month == 0 else np.zeros(size, dtype=np.bool_),
        quality=quality,
        discipline=0.65 * quality + 0.76 * random.normal("discipline", size),
        strain=-0.5 * quality + 0.866 * random.normal("strain", size),
        age_days=np.rint(age),
    )


def is_test(index: IntArray) -> BoolArray:
    """Whether the person at each index belongs to application_test.

    Ids interleave as Kaggle's do: one person in every run of about 7.3 is unlabelled, at a
    place that varies from run to run; the very first id is unlabelled.
    """
    run = index * KAGGLE_TEST_APPLICANTS // KAGGLE_APPLICANTS
    start = -(-run * KAGGLE_APPLICANTS // KAGGLE_TEST_APPLICANTS)
    end = -(-(run + 1) * KAGGLE_APPLICANTS // KAGGLE_TEST_APPLICANTS)
    place = (run * 2_654_435_761 >> 7) % (end - start)
    return np.equal(index, start + place)


def people_for(applicants: int) -> int:
    """How many people hold `applicants` labelled ones: the last of them is labelled."""
    index = np.arange(applicants + applicants // 5 + 16)
    labelled = np.cumsum(~is_test(index))
    return int(np.searchsorted(labelled, applicants)) + 1


def blocks_of(month: int, people: int, default_odds_factor: float = 1.0) -> list[Block]:
    """The blocks of a population of that many people.

    Where the default odds are raised, some people are turned away, so blocks hold more of them
    than are wanted: by ten standard deviations, so that enough remain.
    """
    if default_odds_factor == 1:
        return [
            Block(
                month, number, min(BLOCK_PEOPLE, people - first), min(BLOCK_PEOPLE, people - first)
            )
            for number, first in enumerate(range(0, people, BLOCK_PEOPLE))
        ]
    step = BLOCK_PEOPLE // 3
    return [
        Block(
            month,
            number,
            _candidates(min(step, people - first), default_odds_factor),
            min(step, people - first),
        )
        for number, first in enumerate(range(0, people, step))
    ]


def _candidates(wanted: int, default_odds_factor: float) -> int:
    mean = wanted * default_odds_factor
    return math.ceil(mean + 10 * math.sqrt(mean) + 40)
