"""Whether default still depends on the inputs as the PDs say: concept drift, input by input.

A score test (Rao, 1948) of each input in a logistic regression whose offset is the log-odds of the
PDs. Intercept and slope of the PDs (Cox, 1958) are fitted first and taken out of the input, so that
neither another level of defaults nor PDs that lie too far apart count as a change of an input.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from creditrisk.core.report import Number, Part
from creditrisk.core.settings import OutcomeSettings
from creditrisk.models.metrics import Floats
from creditrisk.monitoring.outcomes.known_inputs import KnownInputs
from creditrisk.monitoring.outcomes.portions import Portion

_REPORTED = 10
_TAILS = (0.01, 0.99)
_FAR_OUT = 3.0  # from here on the normal distribution is too far from that of few defaults
_STEPS = 25
_FARTHEST_TILT = 1e3
_LEAST_PD = 1e-9


class InputRelation(Part):
    """How far default depends on an input otherwise than the PDs say.

    `effect` is in log-odds per standard deviation of the input, one Newton step from none. `rows` are
    those in which the input is known; a category stands for itself as `input=category`.
    """

    input: str
    effect: Number
    z: Number
    p_value: Number
    rows: int


class ScopeRelation(Part):
    """The inputs whose relation to default changed most, of those that could be tested."""

    scope: str
    rows: int
    defaults: int
    tested: int
    strongest: tuple[InputRelation, ...]


def relations_of(
    known: KnownInputs, judged: Iterable[Portion], settings: OutcomeSettings
) -> tuple[ScopeRelation, ...]:
    """Test the inputs of each portion."""
    return tuple(relation(one.scope, known.part(one), settings) for one in judged)


def relation(scope: str, known: KnownInputs, settings: OutcomeSettings) -> ScopeRelation:
    """Test every input; the first of the strongest is the most significant that is past the bar."""
    rows, defaults = known.pd.size, int(known.target.sum())
    enough = min(defaults, rows - defaults) >= settings.min_defaults
    found = list(_tested(known, settings.min_expected_defaults)) if enough else []
    bar = settings.max_effect_change
    found.sort(key=lambda one: (abs(one.effect) < bar, one.p_value, -abs(one.z)))
    return ScopeRelation(
        scope=scope,
        rows=rows,
        defaults=defaults,
        tested=len(found),
        strongest=tuple(found[:_REPORTED]),
    )


def _tested(known: KnownInputs, least: float) -> Iterator[InputRelation]:
    fit = _Recalibrated.of(known.pd, known.target.astype(float))
    for name, values in sorted(known.numbers.items()):
        there = np.isfinite(values)
        if fit.pd[there].sum() >= least and (found := fit.test(name, values, there)):
            yield found
    everywhere = np.ones(known.pd.size, bool)
    for name, column in sorted(known.categories.items()):
        for category in sorted(column.labels):
            is_it = column.is_(category)
            if min(fit.pd[is_it].sum(), fit.pd[~is_it].sum()) < least:
                continue
            if found := fit.test(f"{name}={category}", is_it.astype(float), everywhere):
                yield found


@dataclass(frozen=True, slots=True)
class _Recalibrated:
    """PDs with the level and spread that the outcomes have, and what is left unexplained."""

    pd: Floats
    residual: Floats
    weight: Floats
    design: Floats  # shape (rows, 2): 1 and the log-odds of the PDs as given

    @classmethod
    def of(cls, pd: Floats, target: Floats) -> Self:
        within = np.clip(pd, _LEAST_PD, 1 - _LEAST_PD)
        design = np.column_stack([np.ones(pd.size), np.log(within / (1 - within))])
        coefficients = np.array([0.0, 1.0])
        for _ in range(_STEPS):
            fitted = _logistic(design @ coefficients)
            information = (design * (fitted * (1 - fitted))[:, None]).T @ design
            step = np.linalg.pinv(information, hermitian=True) @ (design.T @ (target - fitted))
            coefficients = coefficients + np.clip(step, -1, 1)
            if np.abs(step).max() < _LEAST_PD:
                break
        fitted = _logistic(design @ coefficients)
        return cls(fitted, target - fitted, fitted * (1 - fitted), design)

    def test(self, name: str, values: Floats, there: npt.NDArray[np.bool_]) -> InputRelation | None:
        """The score test of one input; None where it hardly varies beyond what the PDs say."""
        column = _standardised(values, there)
        if column is None:
            return None
        weighted = self.design * self.weight[:, None]
        information = np.linalg.pinv(weighted.T @ self.design, hermitian=True)
        column = column - self.design @ (information @ (weighted.T @ column))
        variance = float(self.weight @ column**2)
        if variance < 1:
            return None
        score = float(self.residual @ column)
        return InputRelation(
            input=name,
            effect=score / variance,
            z=score / np.sqrt(variance),
            p_value=_p_value(score, column, self.pd, variance),
            rows=int(there.sum()),
        )


def _standardised(values: Floats, there: npt.NDArray[np.bool_]) -> Floats | None:
    """In standard deviations from the mean, the outermost hundredths drawn in; missing is the mean."""
    known = values[there]
    low, high = np.quantile(known, _TAILS)
    known = np.clip(known, low, high)
    spread = float(known.std())
    if not spread > 0:
        return None
    column = np.zeros(values.size)
    column[there] = (known - known.mean()) / spread
    return column


def _p_value(score: float, column: Floats, pd: Floats, variance: float) -> float:
    """Two-sided; far out by saddlepoint approximation, for a few defaults of rare values are skewed.

    Lugannani and Rice (1980); for score tests Dey, Schmidt, Abecasis and Lee, A fast and accurate
    algorithm to test for binary phenotypes (2017).
    """
    from scipy.optimize import brentq
    from scipy.stats import norm

    if abs(score) < _FAR_OUT * np.sqrt(variance):
        return float(2 * norm.sf(abs(score) / np.sqrt(variance)))
    column, score = np.sign(score) * column, abs(score)
    centre = float(pd @ column)

    def tilted(t: float) -> Floats:
        return _logistic(np.log(pd / (1 - pd)) + t * column)

    def beyond(t: float) -> float:
        return float(tilted(t) @ column) - centre - score

    most = 1.0
    while beyond(most) < 0 and most < _FARTHEST_TILT:
        most *= 2
    if beyond(most) < 0:
        return float(2 * norm.sf(score / np.sqrt(variance)))
    point = float(brentq(beyond, 0.0, most))
    cumulant = float(np.log1p(pd * np.expm1(point * column)).sum()) - point * centre
    drawn = tilted(point)
    curvature = float((drawn * (1 - drawn)) @ column**2)
    root = np.sqrt(2 * (point * score - cumulant))
    return float(min(1.0, 2 * norm.sf(root + np.log(point * np.sqrt(curvature) / root) / root)))


def _logistic(log_odds: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.clip(log_odds, -700, 700))))
