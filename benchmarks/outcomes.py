"""How often outcome alarms are false, and how often they see what they should.

Outcomes are drawn for made-up portfolios of approved applicants (mean PD 4.5 %, three months, two
models): as the PDs promise, at the edge of what is tolerated, and beyond it.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from creditrisk.core.settings import OutcomeSettings
from creditrisk.monitoring.outcomes.alarms import alarms_of, judge
from creditrisk.monitoring.outcomes.samples import Column, Outcomes

Floats = NDArray[np.float64]
APPROVED_BELOW = 0.10
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


def pds(applicants: int, chance: np.random.Generator) -> Floats:
    """PDs of approved applicants."""
    values = 1 / (1 + np.exp(-chance.normal(-2.75, 0.85, 3 * applicants)))
    return np.asarray(values[values < APPROVED_BELOW][:applicants])


def portfolio(applicants: int, law: Callable[[Floats], Floats], seed: int) -> Outcomes:
    """Applicants with drawn outcomes."""
    chance = np.random.default_rng(seed)
    pd, rows = pds(applicants, chance), np.arange(applicants)
    return Outcomes(
        pd=pd,
        target=chance.random(applicants) < law(pd),
        traits={
            "month": Column(("2025-01", "2025-02", "2025-03"), rows % 3),
            "bundle": Column(("a" * 64, "b" * 64), rows % 2),
            "decision": Column(("approve",), 0 * rows),
            "grade": Column(tuple(GRADES), np.searchsorted([*GRADES.values()], pd, side="right")),
        },
    )


def alarm_rates(applicants: int, law: Callable[[Floats], Floats], portfolios: int) -> str:
    """Shares of reports with an alarm, and with each."""
    settings = OutcomeSettings()
    counts: Counter[str] = Counter()
    for seed in range(portfolios):
        checks = judge(portfolio(applicants, law, seed), settings)
        fired = {alarm.name for alarm in alarms_of(checks)}
        counts.update(fired)
        counts["any"] += bool(fired)
    names = ("any", "outcome_discrimination", "outcome_calibration", "outcome_grade")
    return " | ".join(f"{counts[name] / portfolios:.3f}" for name in names)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--portfolios", type=int, default=1_000)
    parser.add_argument("--applicants", type=int, nargs="+", default=[1_500, 6_000])
    options = parser.parse_args()
    print("| outcomes | law | any | discrimination | calibration | grade |")
    print("| ---: | --- | ---: | ---: | ---: | ---: |")
    for applicants in options.applicants:
        for name, law in LAWS.items():
            print(
                f"| {applicants:,} | {name} | {alarm_rates(applicants, law, options.portfolios)} |"
            )


if __name__ == "__main__":
    main()
