"""From training rows to a scorecard: bin every feature, choose characteristics, assign points.

1. Each feature is binned so that the default rate rises or falls from bin to bin: the way that the
   catalogue states, else the way that tells more. Missing values are a bin of their own.
2. Features under the bar on information value are left out. By falling information value, one that
   is correlated (in weights of evidence) with a stronger one is left out too.
3. A logistic regression of repayment on the weights of evidence is fitted. As long as there are too
   many characteristics, or one whose Wald statistic is under its bar, the one with the lowest
   statistic is left out and the regression fitted anew. A coefficient at or below 0 cannot stay: it
   would turn the order of the bins around.
4. Coefficient times weight of evidence becomes points, rounded to a whole number.
"""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from creditrisk.core.settings import ScorecardSettings
from creditrisk.features.catalogue import Direction, load_catalogue
from creditrisk.models.binning import Sample, Trend, category_groups, number_bounds
from creditrisk.models.encoding import Matrix
from creditrisk.models.errors import NoCharacteristics, NotConverged
from creditrisk.models.scorecard import (
    MISSING,
    MISSING_OR_OTHER,
    SEPARATOR,
    Bin,
    Characteristic,
    Scaling,
    Scorecard,
    number_label,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

_TRENDS: dict[Direction, Trend] = {
    "higher_is_riskier": "ascending",
    "lower_is_riskier": "descending",
    "none": "auto_asc_desc",
}
_GRADIENT_TOLERANCE = 1e-6
_BINS_OF_A_SINGLE_CUT = 2
_NO_FIGURES: dict[str, Any] = {
    "rows": 0,
    "default_rate": None,
    "woe": 0,
    "information_value": 0,
    "points": 0,
}


@dataclass(frozen=True)
class Column:
    """A column of the encoded matrix; `categories` is empty for a number."""

    position: int
    feature: str
    categories: tuple[str, ...]


@dataclass(frozen=True)
class Candidate:
    """A binned feature: an unweighted characteristic and the bin of each training row."""

    unweighted: Characteristic
    positions: NDArray[np.int64]

    @property
    def evidence(self) -> NDArray[np.float64]:
        """The weight of evidence of each training row."""
        return np.array([each.woe for each in self.unweighted.all_bins()])[self.positions]


@dataclass(frozen=True)
class Regression:
    """A logistic regression of repayment: coefficients with their Wald statistics."""

    intercept: float
    coefficients: NDArray[np.float64]
    wald_z: NDArray[np.float64]


def fit_scorecard(
    matrix: Matrix,
    target: NDArray[np.int8],
    columns: Sequence[Column],
    settings: ScorecardSettings,
    on_feature: Callable[[int], None] | None = None,
) -> Scorecard:
    """The scorecard of the training rows; the same at any number of threads.

    `on_feature` is called with the number of features binned so far.

    Raises:
        NoCharacteristics: no feature clears the bars.
        BinningNotSolved, NotConverged: a solver did not finish.
    """
    candidates = _candidates(matrix, target, columns, settings, on_feature or _unwatched)
    chosen, regression = eliminated(uncorrelated(candidates, settings), target, settings)
    if regression is None:
        raise NoCharacteristics(len(columns), settings.min_information_value)
    return _with_points(chosen, regression, len(columns), settings)


def _candidates(
    matrix: Matrix,
    target: NDArray[np.int8],
    columns: Sequence[Column],
    settings: ScorecardSettings,
    on_feature: Callable[[int], None],
) -> list[Candidate]:
    """The binned features that clear the bar on information value."""
    found = []
    for number, column in enumerate(columns, start=1):
        binned = candidate(matrix[:, column.position], target, column, settings)
        if _informative(binned, settings):
            found.append(binned)
        on_feature(number)
    return found


def trend_of(feature: str) -> Trend:
    """The way a feature's default rate must go; either, where the catalogue does not say."""
    catalogue = load_catalogue()
    return _TRENDS[catalogue[feature].direction if feature in catalogue.names else "none"]


def candidate(
    values: NDArray[np.float64],
    target: NDArray[np.int8],
    column: Column,
    settings: ScorecardSettings,
) -> Candidate:
    """One feature's bins with their weights of evidence."""
    shape = _shape(Sample(column.feature, values, target), column, settings)
    positions = shape.positions(values)
    rows = np.bincount(positions, minlength=len(shape.all_bins()))
    defaults = np.bincount(positions[target == 1], minlength=len(rows))
    evidence = _weights_of_evidence(rows, defaults, settings.prior_rows)
    total_rows, total_defaults = len(target), int(defaults.sum())
    bins = []
    for position, each in enumerate(shape.all_bins()):
        count, bad = int(rows[position]), int(defaults[position])
        share_gap = (count - bad) / (total_rows - total_defaults) - bad / total_defaults
        figures = {
            "rows": count,
            "default_rate": bad / count if count else None,
            "woe": evidence[position],
            "information_value": share_gap * evidence[position],
        }
        bins.append(each.model_copy(update=figures))
    return Candidate(shape.with_bins(bins, coefficient=1), positions)


def uncorrelated(candidates: Sequence[Candidate], settings: ScorecardSettings) -> list[Candidate]:
    """By falling information value, those that are not too close to one taken before."""
    order = sorted(candidates, key=lambda each: -each.unweighted.information_value)
    taken: list[Candidate] = []
    evidence: list[NDArray[np.float64]] = []  # standardised
    for each in order:
        weights = each.evidence
        standard = (weights - weights.mean()) / weights.std()
        if all(_correlation(standard, other) <= settings.max_correlation for other in evidence):
            taken.append(each)
            evidence.append(standard)
    return taken


def eliminated(
    candidates: Sequence[Candidate], target: NDArray[np.int8], settings: ScorecardSettings
) -> tuple[list[Candidate], Regression | None]:
    """What backward elimination leaves, with its regression, None where nothing is left."""
    kept = list(candidates)
    columns = [each.evidence for each in kept]
    while kept:
        regression = regress(np.column_stack(columns), target, settings.max_iterations)
        weakest = int(np.argmin(regression.wald_z))
        too_many = len(kept) > settings.max_characteristics
        if not too_many and regression.wald_z[weakest] >= settings.min_wald_z:
            return kept, regression
        del kept[weakest], columns[weakest]
    return [], None


def regress(
    evidence: NDArray[np.float64], target: NDArray[np.int8], max_iterations: int
) -> Regression:
    """Unpenalised maximum likelihood of repayment on weights of evidence.

    Raises:
        NotConverged: the optimum was not reached.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    model = LogisticRegression(
        C=np.inf, solver="newton-cholesky", tol=_GRADIENT_TOLERANCE, max_iter=max_iterations
    )
    with threadpool_limits(1):  # BLAS sums in an order that depends on its threads
        with warnings.catch_warnings(category=ConvergenceWarning, action="error"):
            try:
                model.fit(evidence, 1 - target)
            except ConvergenceWarning as warning:
                raise NotConverged(max_iterations) from warning
        repaid = model.predict_proba(evidence)[:, 1]
        design = np.column_stack([np.ones(len(evidence)), evidence])
        information = design.T @ (design * (repaid * (1 - repaid))[:, None])
        deviations = np.sqrt(np.diag(np.linalg.inv(information)))
    coefficients = model.coef_[0]
    return Regression(float(model.intercept_[0]), coefficients, coefficients / deviations[1:])


def _unwatched(feature: int) -> None:
    del feature


def _informative(each: Candidate, settings: ScorecardSettings) -> bool:
    value = each.unweighted.information_value
    return value > 0 and value >= settings.min_information_value


def _correlation(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """The absolute correlation of two standardised columns."""
    return abs(float(np.mean(first * second)))


def _weights_of_evidence(
    rows: NDArray[np.int64], defaults: NDArray[np.int64], prior_rows: int
) -> list[float]:
    """Each bin's log of the good:bad odds over those of all rows.

    The last bin, of missing values, may be of any size: it counts `prior_rows` more rows with the
    default rate of all. So does a bin that is alone with it, which no rule gives both outcomes.
    """
    rate = defaults.sum() / rows.sum()
    prior = np.zeros(len(rows))
    prior[-1] = prior_rows
    if len(rows) <= _BINS_OF_A_SINGLE_CUT:
        prior[:] = prior_rows
    bad = defaults + prior * rate
    good = rows - defaults + prior * (1 - rate)
    average = math.log((1 - rate) / rate)
    return [
        math.log(g / b) - average if count else 0.0
        for g, b, count in zip(good.tolist(), bad.tolist(), rows.tolist(), strict=True)
    ]


def _shape(sample: Sample, column: Column, settings: ScorecardSettings) -> Characteristic:
    """The bins' bounds or categories, without figures."""
    if column.categories:
        groups = category_groups(sample, len(column.categories), settings)
        bins = [_group(codes, column.categories) for codes in groups]
    else:
        bounds = number_bounds(sample, trend_of(sample.feature), settings)
        ends = [None, *bounds, None]
        bins = [_interval(low, high) for low, high in itertools.pairwise(ends)]
    label = MISSING_OR_OTHER if column.categories else MISSING
    return Characteristic(
        feature=column.feature,
        column=column.position,
        categories=len(column.categories),
        coefficient=1,
        information_value=0,
        bins=tuple(bins),
        missing=Bin(label=label, **_NO_FIGURES),
    )


def _group(codes: tuple[int, ...], categories: Sequence[str]) -> Bin:
    names = tuple(categories[code] for code in codes)
    return Bin(label=SEPARATOR.join(names), codes=codes, categories=names, **_NO_FIGURES)


def _interval(lower: float | None, upper: float | None) -> Bin:
    return Bin(label=number_label(lower, upper), lower=lower, upper=upper, **_NO_FIGURES)


def _with_points(
    chosen: Sequence[Candidate],
    regression: Regression,
    features: int,
    settings: ScorecardSettings,
) -> Scorecard:
    scaling = Scaling(
        pdo=settings.pdo, base_points=settings.base_points, base_odds=settings.base_odds
    )
    per_log_odds = scaling.points_per_log_odds
    start = regression.intercept - math.log(scaling.base_odds)
    return Scorecard(
        features=features,
        scaling=scaling,
        start_points=round(scaling.base_points + per_log_odds * start),
        characteristics=tuple(
            _weighted(each.unweighted, float(coefficient), per_log_odds)
            for each, coefficient in zip(chosen, regression.coefficients, strict=True)
        ),
    )


def _weighted(
    unweighted: Characteristic, coefficient: float, points_per_log_odds: float
) -> Characteristic:
    bins = [
        each.model_copy(update={"points": round(points_per_log_odds * coefficient * each.woe)})
        for each in unweighted.all_bins()
    ]
    return unweighted.with_bins(bins, coefficient)
