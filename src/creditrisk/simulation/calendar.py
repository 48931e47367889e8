"""Simulated time: months of a year that is past, and a clock that the months set.

A fixed year gives the same timeline on every day, and no moment of it lies in the future, which
monitoring refuses.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

FIRST_YEAR = 2024
OUTCOME_DAYS = (
    28  # within the shortest month: at a month's end all outcomes of the one before stand
)
_MONTHS_OF_A_YEAR = 12


@dataclass(frozen=True, slots=True)
class SimulatedMonth:
    """A month, numbered from 1 on."""

    number: int

    @property
    def begin(self) -> datetime:
        """Its first moment."""
        years, months = divmod(self.number - 1, _MONTHS_OF_A_YEAR)
        return datetime(FIRST_YEAR + years, months + 1, 1, tzinfo=UTC)

    @property
    def end(self) -> datetime:
        """The first moment of the next: when what happened in it is looked at."""
        return SimulatedMonth(self.number + 1).begin

    def moments(self, count: int) -> list[datetime]:
        """So many moments, evenly over the month."""
        step = (self.end - self.begin) / count
        return [self.begin + number * step for number in range(count)]


class SimulatedClock:
    """Says the moment that it was set to, and a little more with every look, never less."""

    def __init__(self, moment: datetime) -> None:
        self._moment = moment

    def set(self, moment: datetime) -> None:
        """Let it be this moment."""
        self._moment = moment

    def __call__(self) -> datetime:
        """The moment; the next look is a millisecond later."""
        self._moment += timedelta(milliseconds=1)
        return self._moment
