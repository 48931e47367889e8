"""What a scenario changes in a production month.

- covariate: other people apply (younger, weaker, larger loans); the law of default stays.
- prior: the same kinds of good and bad applicants, more of the bad: the share of defaulters goes
  from 8.07 % towards 12 % while each class looks as before.
- concept: the same people apply, but what makes them default changes; the default rate stays.
"""

from __future__ import annotations

from dataclasses import dataclass

from creditrisk.core.settings import ScenarioSettings

BASE_DEFAULT_RATE = 0.0807
SHIFTED_DEFAULT_RATE = 0.12


@dataclass(frozen=True, slots=True)
class Shift:
    """How a population differs from the snapshot's; the defaults are the snapshot's own."""

    quality: float = 0.0
    age_power: float = 1.0
    loan_log: float = 0.0
    default_odds_factor: float = 1.0
    concept: float = 0.0


NO_SHIFT = Shift()


def shift_in_month(scenario: ScenarioSettings, month: int) -> Shift:
    """The shift that holds in a production month; the snapshot is month 0."""
    if scenario.kind == "none" or month < scenario.from_month:
        return NO_SHIFT
    strength = scenario.strength
    if scenario.kind == "covariate":
        return Shift(
            quality=-0.6 * strength, age_power=1 + 0.8 * strength, loan_log=0.35 * strength
        )
    if scenario.kind == "prior":
        return Shift(default_odds_factor=_odds_factor(strength))
    return Shift(concept=strength)


def _odds_factor(strength: float) -> float:
    rate = BASE_DEFAULT_RATE + strength * (SHIFTED_DEFAULT_RATE - BASE_DEFAULT_RATE)
    return rate / (1 - rate) / (BASE_DEFAULT_RATE / (1 - BASE_DEFAULT_RATE))
