"""Why a PD is higher than that of the approved: reasons from exact additive contributions.

A feature's contribution is compared with its mean over a reference population, the approved. What
remains is what sets the applicant apart from them, in log-odds. Features that are one idea to a
person are summed under one reason code. It needs numpy alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from creditrisk.core.report import Number, Part, Report
from creditrisk.models.encoding import Matrix, ModelFeature
from creditrisk.models.wording import Direction, Value, compared, direction_of, shown

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_REASONS = 4


class FeatureReference(Part):
    """What a feature is among the approved, and how it is told.

    `typical` is the median of a number (a value that somebody has) and the most frequent category,
    null where no approved applicant has a value. `reason` is null for what tells something of a
    protected attribute: it is never named.
    """

    name: str
    label: str
    unit: str
    reason: str | None
    mean_contribution: Number
    typical: float | str | None
    missing_share: Number


class ReferencePopulation(Report):
    """The approved applicants of one side, with whom an applicant is compared; holds no person.

    `features` come in the model's order, `reasons` are the words of their codes. Words and units
    are sealed with the model, so that a later version tells the same of an old decision.
    """

    side: Literal["calibration"]
    approve_below: float
    rows: int
    features: tuple[FeatureReference, ...]
    reasons: dict[str, str]


@dataclass(frozen=True, slots=True)
class Reason:
    """One idea that makes an applicant's PD higher than that of the approved.

    `log_odds` is by how much, summed over the features of the idea; `share` is its part of all that
    speaks against the applicant. `feature` is the one that matters most in it, `value` the
    applicant's, `comparison` the same beside the approved.
    """

    code: str
    words: str
    feature: str
    label: str
    value: str
    direction: Direction
    comparison: str
    log_odds: float
    share: float

    @property
    def sentence(self) -> str:
        """The reason as one line for a person."""
        return f"{self.words}. {self.label}: {self.comparison}"


class Explainer:
    """Turns contributions into reasons; a row's reasons never depend on the other rows."""

    def __init__(self, reference: ReferencePopulation, features: Sequence[ModelFeature]) -> None:
        self._reference = reference
        self._features = features
        self._means = np.array([feature.mean_contribution for feature in reference.features])
        named = [feature.reason for feature in reference.features]
        self.codes = sorted({code for code in named if code is not None})
        self._members = [
            [index for index, name in enumerate(named) if name == code] for code in self.codes
        ]
        self._unnamed = [index for index, name in enumerate(named) if name is None]

    def members(self, code: str) -> list[str]:
        """The model's features that count under a code, in the model's order."""
        members = self._members[self.codes.index(code)]
        return [self._reference.features[index].name for index in members]

    def reasons(
        self, contributions: NDArray[np.float64], matrix: Matrix, limit: int = MOST_REASONS
    ) -> list[list[Reason]]:
        """The reasons of each row that raise its PD, the largest first, ties by code.

        Args:
            contributions: as `ServingForm.contributions` gives them, shape (n_rows, n_features + 1).
            matrix: the encoded rows, shape (n_rows, n_features).
            limit: the most reasons of a row.
        """
        excess = contributions[:, :-1] - self._means
        rows = zip(excess, matrix, strict=True)
        return [self._of_row(above.tolist(), values, limit) for above, values in rows]

    def unnamed_shares(self, contributions: NDArray[np.float64]) -> NDArray[np.float64]:
        """The part of all that speaks against each applicant which is never named."""
        excess = contributions[:, :-1] - self._means
        return np.array([self._unnamed_share(row.tolist()) for row in excess], np.float64)

    def _of_row(self, excess: list[float], values: NDArray[np.float64], limit: int) -> list[Reason]:
        sizes = self._sizes(excess)
        total = self._against(excess, sizes)
        ranked = sorted(range(len(sizes)), key=lambda code: -sizes[code])[:limit]
        return [
            self._reason(code, excess, values, sizes[code], sizes[code] / total)
            for code in ranked
            if sizes[code] > 0
        ]

    def _unnamed_share(self, excess: list[float]) -> float:
        total = self._against(excess, self._sizes(excess))
        return max(_summed(excess, self._unnamed), 0.0) / total if total > 0 else 0.0

    def _sizes(self, excess: list[float]) -> list[float]:
        """The log-odds of each code, in the order of `codes`."""
        return [_summed(excess, members) for members in self._members]

    def _against(self, excess: list[float], sizes: Sequence[float]) -> float:
        """All that raises a PD, named or not."""
        against = max(_summed(excess, self._unnamed), 0.0)
        for size in sizes:
            against += max(size, 0.0)
        return against

    def _reason(
        self,
        code: int,
        excess: list[float],
        values: NDArray[np.float64],
        log_odds: float,
        share: float,
    ) -> Reason:
        name = self.codes[code]
        leading = max(self._members[code], key=excess.__getitem__)
        reference = self._reference.features[leading]
        value = self._value(leading, float(values[leading]))
        return Reason(
            code=name,
            words=self._reference.reasons[name],
            feature=reference.name,
            label=reference.label,
            value=shown(value, reference.unit),
            direction=direction_of(value, reference.typical, reference.unit),
            comparison=compared(value, reference.typical, reference.unit, reference.missing_share),
            log_odds=log_odds,
            share=share,
        )

    def _value(self, index: int, number: float) -> Value:
        """The applicant's own value behind an encoded number."""
        if math.isnan(number):
            return None
        categories = self._features[index].categories
        return categories[int(number)] if categories else number


def _summed(excess: list[float], columns: Sequence[int]) -> float:
    """The sum of some columns, added one by one.

    `sum` adds otherwise from Python 3.12 on, and numpy in an order that depends on how much there is
    to add; for the few rows that are explained at once plain numbers are four times as fast.
    """
    total = 0.0
    for column in columns:
        total += excess[column]
    return total
