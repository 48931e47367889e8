"""Simulate how often drift is reported where there is none, and found where there is some.

python benchmarks/drift_calibration.py --features data/processed/feature_store.parquet \
    --bundle models/credit_risk_pd

takes the finished demo's generated applicants: ties, rare categories and missing values as they
come. It prints two tables: false alarms of whole comparisons (score, every input, domain classifier)
between samples drawn from them at random, and how often a true PSI is found in one column.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from creditrisk.core.settings import MonitorDriftSettings
from creditrisk.mlops.monitoring_reference import reference_of
from creditrisk.models.encoding import FeatureEncoding
from creditrisk.models.metrics.intervals import wilson_interval
from creditrisk.models.native import wait_passively
from creditrisk.monitoring.drift import Comparison, compare, domain_shift
from creditrisk.monitoring.drift.report import FOUND, Shift
from creditrisk.scoring.scorer import Scorer

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from creditrisk.mlops.monitoring_reference import MonitoringReference

# Fewer rows for the classifier than by default: a fraction of its time, the same test.
SETTINGS = MonitorDriftSettings(domain_rows=1_000)
# Rows of reference and current sample of the pairs without drift, in turn.
SIZES = ((6_000, 2_000), (10_000, 500), (2_000, 2_000), (10_000, 200), (600, 3_000), (300, 300))
POWER_ROWS = (1_000, 2_000, 5_000, 10_000)
POWER_PSI = (0.025, 0.05, 0.10)
REFERENCE_ROWS = 20_000


@dataclass(frozen=True, slots=True)
class Population:
    """Applicants that samples are drawn from, with their PDs."""

    table: pa.Table
    scores: NDArray[np.float64]
    encoding: FeatureEncoding

    def reference(self, rows: NDArray[np.int64]) -> MonitoringReference:
        """The monitoring reference of some of them."""
        return reference_of(self.encoding, self.table.take(rows), self.scores[rows])

    def compared(self, reference: MonitoringReference, rows: NDArray[np.int64]) -> Comparison:
        """Others of them, compared with it."""
        return compare(reference, self.table.take(rows), self.scores[rows], SETTINGS)


def main() -> None:
    """Print both tables."""
    wait_passively()
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--features", type=Path, required=True, help="a feature table")
    parser.add_argument("--bundle", type=Path, required=True, help="the model that scores it")
    parser.add_argument("--pairs", type=int, default=1_000, help="pairs without drift")
    parser.add_argument("--trials", type=int, default=200, help="pairs of each point of power")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    scorer = Scorer.load(options.bundle)
    table = parquet.read_table(options.features)
    encoding = FeatureEncoding(features=scorer.manifest.features)
    population = Population(table, scorer.probabilities(table), encoding)
    if options.pairs:
        print_false_alarms(population, options.pairs, options.seed)
    if options.trials:
        print_power(population, options.trials, options.seed)


def print_false_alarms(population: Population, pairs: int, seed: int) -> None:
    """Compare random halves; whatever is shifted or drifted there is a false alarm."""
    generator = np.random.default_rng(seed)
    seen: dict[tuple[int, int], list[set[str]]] = {size: [] for size in SIZES}
    for number in range(pairs):
        size = SIZES[number % len(SIZES)]
        rows = generator.permutation(population.table.num_rows)[: sum(size)]
        seen[size].append(set(alarms(population, rows[: size[0]], rows[size[0] :])))
        if number % 50 == 49:  # noqa: PLR2004 - a sign of life
            print(f"{number + 1} pairs", file=sys.stderr, flush=True)
    print(f"{'reference x current rows':<28}{'pairs':>7}{'alarms':>8}  of")
    for (reference, current), runs in seen.items():
        print_row(f"{reference:,} x {current:,}", runs)
    print_row("all", [run for runs in seen.values() for run in runs])


def alarms(
    population: Population, before: NDArray[np.int64], now: NDArray[np.int64]
) -> Iterator[str]:
    """The parts of a comparison that are shifted or drifted."""
    found = population.compared(population.reference(before), now)
    domain = domain_shift(
        population.table.take(before),
        population.table.take(now),
        population.encoding,
        found.judgement,
        threads=1,
    )
    parts = {"score": found.score.status, "domain": domain.status}
    parts |= {shift.name: shift.status for shift in found.features}
    for name, status in parts.items():
        if status in FOUND:
            yield name


def print_row(label: str, runs: list[set[str]]) -> None:
    """Print one row of the first table."""
    alarmed = sum(bool(run) for run in runs)
    parts = Counter(part for run in runs for part in run)
    shown = ", ".join(f"{name} {count}" for name, count in parts.most_common(5))
    interval = wilson_interval(alarmed, len(runs)) if runs else (0.0, 1.0)
    rate = f"{alarmed / max(1, len(runs)):.2%} ({interval[0]:.2%} to {interval[1]:.2%})"
    print(f"{label:<28}{len(runs):>7}{alarmed:>8}  {rate}  {shown}", flush=True)


def print_power(population: Population, trials: int, seed: int) -> None:
    """Draw current samples with weights that give a column a known PSI, and see if it is found."""
    generator = np.random.default_rng(seed)
    everybody = np.arange(population.table.num_rows)
    truth = population.reference(everybody)
    references = [
        population.reference(generator.choice(everybody, REFERENCE_ROWS)) for _ in range(20)
    ]
    print(f"\n{'true PSI in':<42}{'PSI':>6}" + "".join(f"{rows:>8,}" for rows in POWER_ROWS))
    for name, change in CHANGES.items():
        label = f"{name} ({(change.__doc__ or '').rstrip('.').lower()})"
        for psi in POWER_PSI:
            weights = weights_with(truth, population, name, psi)
            shares = []
            for rows in POWER_ROWS:
                draws = (generator.choice(everybody, rows, p=weights) for _ in range(trials))
                found = [
                    alone(references[trial % len(references)], population, drawn, name)
                    for trial, drawn in enumerate(draws)
                ]
                shares.append(sum(shift.status in FOUND for shift in found) / trials)
            print(f"{label:<42}{psi:>6}" + "".join(f"{s:>8.3f}" for s in shares), flush=True)


def alone(
    reference: MonitoringReference, population: Population, rows: NDArray[np.int64], name: str
) -> Shift:
    """The shift of one column at the level of the whole comparison; the rest is left out."""
    table = population.table.select([name]).take(rows)
    found = compare(reference, table, "not asked for", SETTINGS)
    return next(shift for shift in found.features if shift.name == name)


def heavier(values: NDArray[np.float64], strength: float) -> NDArray[np.float64]:
    """More of the high values, by rank."""
    ranks = np.argsort(np.argsort(np.nan_to_num(values, nan=np.nanmedian(values))))
    weights: NDArray[np.float64] = np.exp(strength * ranks / len(ranks))
    return weights


def wider(values: NDArray[np.float64], strength: float) -> NDArray[np.float64]:
    """More of both ends."""
    ranks = np.argsort(np.argsort(np.nan_to_num(values, nan=np.nanmedian(values))))
    weights: NDArray[np.float64] = np.exp(strength * np.abs(2 * ranks / len(ranks) - 1))
    return weights


def more_missing(values: NDArray[np.float64], strength: float) -> NDArray[np.float64]:
    """More missing values."""
    return np.where(np.isnan(values), math.exp(strength), 1.0)


def mixed(values: NDArray[np.float64], strength: float) -> NDArray[np.float64]:
    """Every second category more often."""
    return np.where(np.nan_to_num(values, nan=-1) % 2 == 0, math.exp(strength), 1.0)


CHANGES: dict[str, Callable[[NDArray[np.float64], float], NDArray[np.float64]]] = {
    "AMT_CREDIT": heavier,
    "EXT_SOURCE_2": heavier,
    "AGE_YEARS": wider,
    "CNT_CHILDREN": heavier,
    "EXT_SOURCE_1": more_missing,
    "NAME_INCOME_TYPE": mixed,
    "NAME_CONTRACT_TYPE": mixed,
}


def weights_with(
    truth: MonitoringReference, population: Population, name: str, psi: float
) -> NDArray[np.float64]:
    """Weights of the whole population that give a column exactly that PSI, by bisection."""
    place = population.encoding.names.index(name)
    values = population.encoding.columns(population.table)[place]
    places = bin_of_each(truth, name, values)
    before = np.bincount(places) / len(places)
    held = before > 0
    low, high = 0.0, 20.0
    for _ in range(60):
        strength = (low + high) / 2
        weights = CHANGES[name](values, strength)
        weights /= weights.sum()
        now = np.bincount(places, weights)
        reached = float(np.sum((now - before)[held] * np.log(now[held] / before[held])))
        low, high = (strength, high) if reached < psi else (low, strength)
    return weights


def bin_of_each(
    truth: MonitoringReference, name: str, values: NDArray[np.float64]
) -> NDArray[np.int64]:
    """The bin in which each value of the column is counted."""
    if name in truth.numbers:
        points = np.append(truth.numbers[name].points, np.inf)
        return np.where(np.isnan(values), len(points), np.searchsorted(points, values))
    return np.nan_to_num(values, nan=np.nanmax(values) + 1).astype(np.int64)


if __name__ == "__main__":
    main()
