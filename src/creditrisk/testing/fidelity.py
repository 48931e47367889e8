"""Do the reasons tell what the model does? Additivity, deletion and stability, measured.

Deletion: the features that an applicant's reasons name are set to what is typical of approved
applicants, and the applicant is scored again. If the reasons are true, the PD falls further than
when as many other features, drawn by chance, are set so.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from creditrisk.contracts.tables import APPLICANT_KEY
from creditrisk.models.explanation import MOST_REASONS
from creditrisk.models.metrics import wilson_interval
from creditrisk.scoring.decisions import decision_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from creditrisk.core.settings import PolicySettings
    from creditrisk.models.encoding import Matrix, ModelFeature
    from creditrisk.models.explanation import Reason
    from creditrisk.scoring.scorer import Scorer

MOST_CASES = 500
DRAWS = 20
_ADDED_UP_ROWS = 1_000
_ALONE_ROWS = 50
_TOLERANCE = 1e-9
_SINGLE_PRECISION_TOLERANCE = 1e-5


@dataclass(frozen=True, slots=True)
class Additivity:
    """How far contributions are from adding up to the log-odds of the PD."""

    rows: int
    largest_gap: float
    tolerance: float

    @property
    def holds(self) -> bool:
        """Whether every row adds up."""
        return self.largest_gap <= self.tolerance


@dataclass(frozen=True, slots=True)
class Deletion:
    """How often setting the named features lowers the PD more than setting random others.

    Args:
        declined: applicants who are declined.
        cases: those in the sample.
        confidence: of the interval.
        wins: cases in which the PD falls further than on the average of the random draws.
        share: wins of cases, from `low` to `high`; None without a case, as all that follows.
        draw_share: wins against each single draw, over all draws of all cases.
        named_fall: mean fall of the PD with the named features.
        random_fall: mean fall of the PD with random features.
        named_features: mean number of features set.
    """

    declined: int
    cases: int
    confidence: float
    wins: int = 0
    share: float | None = None
    low: float | None = None
    high: float | None = None
    draw_share: float | None = None
    named_fall: float | None = None
    random_fall: float | None = None
    named_features: float | None = None


@dataclass(frozen=True, slots=True)
class Stability:
    """Applicants whose reasons depended on the order, the other rows, or the threads."""

    rows: int
    unstable: int


@dataclass(frozen=True, slots=True)
class FidelityMeasurement:
    """What is known of the truth of a model's reasons.

    `unnamed_share` is the mean part of all that speaks against the sampled applicants which comes
    from protected attributes and is never named; None without a case.
    """

    additivity: Additivity
    deletion: Deletion
    stability: Stability
    unnamed_share: float | None


def measure_fidelity(
    scorer: Scorer,
    table: pa.Table,
    policy: PolicySettings,
    *,
    cases: int = MOST_CASES,
    limit: int = MOST_REASONS,
    seed: int = 0,
    confidence: float = 0.95,
) -> FidelityMeasurement:
    """Measure reasons on applicants that the model has not seen.

    Args:
        scorer: the model.
        table: applicants with key and features; their order does not matter.
        policy: says who is declined.
        cases: the most declined applicants to sample.
        limit: the most reasons of an applicant.
        seed: of the sample and of the random features.
        confidence: of the share's interval.
    """
    declined = table.filter(_mask(decision_of(scorer.probabilities(table), policy) == "decline"))
    sample = _sample(declined, cases, seed)
    reasons = scorer.explain(sample, limit)
    counted = Deletion(declined.num_rows, sample.num_rows, confidence)
    return FidelityMeasurement(
        additivity=_additivity(scorer, _sample(table, _ADDED_UP_ROWS, seed)),
        deletion=_deletion(scorer, sample, reasons, counted, seed),
        stability=_stability(scorer, sample, reasons, limit),
        unnamed_share=float(np.mean(scorer.unnamed_shares(sample))) if sample.num_rows else None,
    )


def _sample(table: pa.Table, count: int, seed: int) -> pa.Table:
    """So many applicants, chosen and ordered by a hash of their key."""
    positions = [
        hashlib.sha256(f"{seed}:{key}".encode()).digest()
        for key in table.column(APPLICANT_KEY).to_pylist()
    ]
    order = sorted(range(len(positions)), key=positions.__getitem__)
    return table.take(np.array(order[:count], dtype=np.int64))


def _additivity(scorer: Scorer, table: pa.Table) -> Additivity:
    calibration = scorer.manifest.calibration
    log_odds = calibration.slope * scorer.raw_scores(table) + calibration.intercept
    gaps = np.abs(scorer.contributions(table).sum(axis=1) - log_odds)
    single = scorer.manifest.model_type == "xgboost"
    return Additivity(
        rows=table.num_rows,
        largest_gap=float(gaps.max(initial=0.0)),
        tolerance=_SINGLE_PRECISION_TOLERANCE if single else _TOLERANCE,
    )


def _deletion(
    scorer: Scorer, sample: pa.Table, reasons: list[list[Reason]], empty: Deletion, seed: int
) -> Deletion:
    """The measurement of the sample, on top of the `empty` one that counts it."""
    if not empty.cases:
        return empty
    named = _named(scorer, reasons)
    named_falls = _falls(scorer, sample, named)
    drawn = _drawn(named, sample.column(APPLICANT_KEY).to_pylist(), seed)
    random_falls = _falls(scorer, sample, drawn)
    wins = int(np.count_nonzero(named_falls > random_falls.mean(axis=0)))
    low, high = wilson_interval(wins, empty.cases, empty.confidence)
    return replace(
        empty,
        wins=wins,
        share=wins / empty.cases,
        low=low,
        high=high,
        draw_share=float(np.mean(named_falls > random_falls)),
        named_fall=float(named_falls.mean()),
        random_fall=float(random_falls.mean()),
        named_features=float(named.sum(axis=1).mean()),
    )


def _named(scorer: Scorer, reasons: list[list[Reason]]) -> NDArray[np.bool_]:
    """Which features each applicant's reasons stand for: shape (n_rows, n_features)."""
    codes = [feature.reason for feature in scorer.reference.features]
    given = [{reason.code for reason in row} for row in reasons]
    rows = [[code in row for code in codes] for row in given]
    return np.array(rows, dtype=np.bool_).reshape(len(reasons), len(codes))


def _drawn(named: NDArray[np.bool_], keys: Sequence[int], seed: int) -> NDArray[np.bool_]:
    """For each draw and applicant as many other features: shape (draws, n_rows, n_features).

    The draws of an applicant depend on the key alone, not on who else is in the sample.
    """
    drawn = np.zeros((DRAWS, *named.shape), dtype=np.bool_)
    for row, key in enumerate(keys):
        generator = np.random.default_rng([seed, key])
        others, count = np.flatnonzero(~named[row]), int(named[row].sum())
        for draw in range(DRAWS):
            drawn[draw, row, generator.permutation(others)[:count]] = True
    return drawn


def _falls(scorer: Scorer, sample: pa.Table, mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """How far each PD falls when the masked features become typical of the approved.

    Args:
        scorer: the model.
        sample: the applicants.
        mask: shape (..., n_rows, n_features); the answer has shape (..., n_rows).
    """
    changed = np.where(mask, _typical(scorer), scorer.encode(sample))
    table = _decoded(changed.reshape(-1, mask.shape[-1]), scorer.manifest.features)
    return scorer.probabilities(sample) - scorer.probabilities(table).reshape(mask.shape[:-1])


def _typical(scorer: Scorer) -> NDArray[np.float64]:
    """The encoded median or mode of each feature among the approved, NaN where nobody has one."""
    return np.array(
        [
            np.nan
            if reference.typical is None
            else feature.categories.index(str(reference.typical))
            if feature.categories
            else float(reference.typical)
            for reference, feature in zip(
                scorer.reference.features, scorer.manifest.features, strict=True
            )
        ]
    )


def _decoded(matrix: Matrix, features: Sequence[ModelFeature]) -> pa.Table:
    """The rows behind an encoded matrix, to be scored as any others."""
    import pyarrow as pa

    columns = {}
    for feature, values in zip(features, matrix.T, strict=True):
        unknown = np.isnan(values)
        if feature.categories:
            known = np.where(unknown, 0, values).astype(np.int64)
            columns[feature.name] = pa.array(np.array(feature.categories)[known], mask=unknown)
        else:
            columns[feature.name] = pa.array(values, mask=unknown)
    return pa.table(columns)


def _stability(
    scorer: Scorer, sample: pa.Table, reasons: list[list[Reason]], limit: int
) -> Stability:
    backwards = np.arange(sample.num_rows)[::-1]
    reordered = scorer.explain(sample.take(backwards), limit)[::-1]
    threaded = scorer.on_threads(3).explain(sample, limit)
    alone = [
        scorer.explain(sample.slice(row, 1), limit)[0]
        for row in range(min(sample.num_rows, _ALONE_ROWS))
    ]
    unstable = {
        row
        for other in (reordered, threaded, alone)
        for row, (one, two) in enumerate(zip(other, reasons, strict=False))
        if one != two
    }
    return Stability(rows=sample.num_rows, unstable=len(unstable))


def _mask(chosen: NDArray[np.bool_]) -> pa.Array:
    import pyarrow as pa

    return pa.array(chosen)
