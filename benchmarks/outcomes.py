"""How often outcome alarms are false, and how often they see what they should.

Outcomes are drawn for made-up portfolios of approved applicants (mean PD 4.5 %, three months, two
models, 40 inputs of which 30 are rare or skewed): as the PDs promise, at the edge of what is
tolerated, and beyond it.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from creditrisk.core.settings import OutcomeSettings
from creditrisk.monitoring.outcomes.alarms import alarms_of, judge
from creditrisk.monitoring.outcomes.known_inputs import KnownInputs
from creditrisk.monitoring.outcomes.portions import portions
from creditrisk.monitoring.outcomes.relation import relations_of
from creditrisk.monitoring.outcomes.samples import Column, Outcomes

Floats = NDArray[np.float64]
APPROVED_BELOW = 0.10
NAMES = ("discrimination", "calibration", "grade", "relation")
GRADES = {"A": 0.02, "B": 0.035, "C": 0.055, "D": 0.08, "E": 0.12}


def shrunk(pd: Floats, slope: float) -> Floats:
    """True PDs whose log-odds lie closer together than the model says, at the same mean."""
    log_odds = np.log(pd / (1 - pd))
    centre = float(np.mean(log_odds))
    true = 1 / (1 + np.exp(-(centre + slope * (log_odds - centre))))
    return np.asarray(true * (pd.mean() / true.mean()))


LAWS: dict[str, Callable[[Floats], Floats]] = {
    "as promised": lambda pd: pd,
    "edge: 1.25 times the defaults": lambda pd: 1.25 * pd,
    "edge: 0.8 times the defaults": lambda pd: 0.8 * pd,
    "1.5 times the defaults": lambda pd: 1.5 * pd,
    "ranking half lost (slope 0.5)": lambda pd: shrunk(pd, 0.5),
    "ranking lost (slope 0)": lambda pd: shrunk(pd, 0.0),
}


EFFECTS = {"an input changed by 0.25": 0.25, "an input changed by 0.5": 0.5}


def pds(applicants: int, chance: np.random.Generator) -> Floats:
    """PDs of approved applicants."""
    values = 1 / (1 + np.exp(-chance.normal(-2.75, 0.85, 3 * applicants)))
    return np.asarray(values[values < APPROVED_BELOW][:applicants])


def portfolio(applicants: int, law: str, seed: int) -> Outcomes:
    """Applicants with drawn outcomes."""
    chance = np.random.default_rng(seed)
    pd, rows = pds(applicants, chance), np.arange(applicants)
    true = changed(pd, seed, EFFECTS[law]) if law in EFFECTS else LAWS[law](pd)
    return Outcomes(
        pd=pd,
        target=chance.random(applicants) < true,
        traits={
            "month": Column(("2025-01", "2025-02", "2025-03"), rows % 3),
            "bundle": Column(("a" * 64, "b" * 64), rows % 2),
            "decision": Column(("approve",), 0 * rows),
            "grade": Column(tuple(GRADES), np.searchsorted([*GRADES.values()], pd, side="right")),
        },
    )


def inputs(sample: Outcomes, seed: int) -> KnownInputs:
    """Ten bell-shaped inputs, ten skewed ones and twenty rare marks; they say nothing of the outcome."""
    chance = np.random.default_rng([seed, 1])
    rows = sample.pd.size
    numbers = {f"BELL_{n}": chance.normal(size=rows) for n in range(10)}
    numbers |= {f"SKEWED_{n}": chance.lognormal(0, 1.5, rows) for n in range(10)}
    shares = np.geomspace(0.02, 0.5, 20)
    numbers |= {f"MARK_{n}": 1.0 * (chance.random(rows) < s) for n, s in enumerate(shares)}
    month, bundle = sample.traits["month"], sample.traits["bundle"]
    return KnownInputs(sample.pd, sample.target, month, bundle, numbers, {}, Counter())


def changed(pd: Floats, seed: int, effect: float) -> Floats:
    """True PDs where default has come to depend on the first input."""
    bell = np.random.default_rng([seed, 1]).normal(size=pd.size)
    true = 1 / (1 + np.exp(-(np.log(pd / (1 - pd)) + effect * bell)))
    return np.asarray(true * (pd.mean() / true.mean()))


def fired(applicants: int, law: str, seed: int) -> set[str]:
    """The alarms of one portfolio's report."""
    settings = OutcomeSettings()
    sample = portfolio(applicants, law, seed)
    relations = relations_of(inputs(sample, seed), portions(sample), settings)
    return {alarm.name for alarm in alarms_of(judge(sample, settings, relations))}


def alarm_rates(applicants: int, law: str, portfolios: int) -> str:
    """Shares of reports with an alarm, and with each."""
    counts: Counter[str] = Counter()
    for seed in range(portfolios):
        names = fired(applicants, law, seed)
        counts.update(names)
        counts["any"] += bool(names)
    shown = ("any", *(f"outcome_{name}" for name in NAMES))
    return " | ".join(f"{counts[name] / portfolios:.3f}" for name in shown)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--portfolios", type=int, default=1_000)
    parser.add_argument("--applicants", type=int, nargs="+", default=[1_500, 6_000])
    parser.add_argument("--law", choices=[*LAWS, *EFFECTS], action="append")
    options = parser.parse_args()
    print(f"| outcomes | law | any | {' | '.join(NAMES)} |")
    print(f"| ---: | --- |{' ---: |' * (1 + len(NAMES))}")
    for applicants in options.applicants:
        for law in options.law or [*LAWS, *EFFECTS]:
            rates = alarm_rates(applicants, law, options.portfolios)
            print(f"| {applicants:,} | {law} | {rates} |", flush=True)


if __name__ == "__main__":
    main()
