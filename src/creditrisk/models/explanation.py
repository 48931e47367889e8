"""Why a PD is higher than that of the approved: reasons from exact additive contributions.

A feature's contribution is compared with its mean over a reference population, the approved. What
remains is what sets the applicant apart from them, in log-odds. Features that are one idea to a
person are summed under one reason code. It needs numpy alone.
"""

from __future__ import annotations

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
        self._members = {
            code: [index for index, name in enumerate(named) if name == code] for code in self.codes
        }
        self._unnamed = [index for index, name in enumerate(named) if name is None]

    def members(self, code: str) -> list[str]:
        """The model's features that count under a code, in the model's order."""
        return [self._reference.features[index].name for index in self._members[code]]

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
        sizes = self._sizes(excess)
        totals = self._against(excess, sizes)
        ranked = np.argsort(-sizes, axis=1, kind="stable")[:, :limit]
        return [
            [
                self._reason(code, excess[row], matrix[row], sizes[row, code] / totals[row])
                for code in ranked[row].tolist()
                if sizes[row, code] > 0
            ]
            for row in range(len(matrix))
        ]

    def unnamed_shares(self, contributions: NDArray[np.float64]) -> NDArray[np.float64]:
        """The part of all that speaks against each applicant which is never named."""
        excess = contributions[:, :-1] - self._means
        totals = self._against(excess, self._sizes(excess))
        unnamed = np.maximum(_summed(excess, self._unnamed), 0.0)
        return np.divide(unnamed, totals, out=np.zeros_like(totals), where=totals > 0)

    def _sizes(self, excess: NDArray[np.float64]) -> NDArray[np.float64]:
        """The log-odds of each code, in the order of `codes`: shape (n_rows, n_codes)."""
        columns = [_summed(excess, self._members[code]) for code in self.codes]
        return np.column_stack(columns) if columns else np.empty((len(excess), 0))

    def _against(
        self, excess: NDArray[np.float64], sizes: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """All that raises the PD of each row, named or not."""
        against = np.maximum(_summed(excess, self._unnamed), 0.0)
        for code in range(sizes.shape[1]):
            against = against + np.maximum(sizes[:, code], 0.0)
        return against

    def _reason(
        self, code: int, excess: NDArray[np.float64], values: NDArray[np.float64], share: float
    ) -> Reason:
        name = self.codes[code]
        members = self._members[name]
        leading = max(members, key=lambda index: excess[index])
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
            log_odds=float(_summed(excess[None], members)[0]),
            share=float(share),
        )

    def _value(self, index: int, number: float) -> Value:
        """The applicant's own value behind an encoded number."""
        if np.isnan(number):
            return None
        categories = self._features[index].categories
        return categories[int(number)] if categories else number


def _summed(excess: NDArray[np.float64], columns: Sequence[int]) -> NDArray[np.float64]:
    """The sum of some columns, added one by one.

    A matrix product or a sum along an axis adds in an order that depends on the number of rows.
    """
    total = np.zeros(len(excess))
    for column in columns:
        total = total + excess[:, column]
    return total
