"""The logistic model as a table of terms: a sum over columns, the same at any batch size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from creditrisk.core.report import Report
from creditrisk.models.encoding import Matrix

if TYPE_CHECKING:
    from numpy.typing import NDArray


class NumberTerm(BaseModel):
    """weight * (value - mean) / scale, the value held inside [lower, upper], missing as median."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["number"] = "number"
    lower: float
    upper: float
    median: float
    mean: float
    scale: float
    weight: float = 0.0

    def standardised(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """The values imputed, held inside the bounds, with mean 0 and deviation 1 in training."""
        known = np.where(np.isnan(values), self.median, values)
        return (np.clip(known, self.lower, self.upper) - self.mean) / self.scale

    def contribution(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """What the column adds to each row's log-odds."""
        return self.weight * self.standardised(values)


class CategoryTerm(BaseModel):
    """One weight per category code, and one for a missing or unlisted category."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["category"] = "category"
    weights: tuple[float, ...]
    missing: float = 0.0

    def contribution(self, codes: NDArray[np.float64]) -> NDArray[np.float64]:
        """What the column adds to each row's log-odds."""
        weights = np.array([*self.weights, self.missing])
        positions = np.where(np.isnan(codes), len(self.weights), codes).astype(np.int64)
        return weights[positions]


class LinearModel(Report):
    """The log-odds as an intercept and one term per column of the encoded matrix.

    Columns are added one by one in their order, never by a matrix product: BLAS sums in an order
    that depends on the number of rows and threads, and the last bit with it.
    """

    intercept: float
    terms: tuple[NumberTerm | CategoryTerm, ...]

    def raw_scores(self, matrix: Matrix, threads: int = 1) -> NDArray[np.float64]:
        """The log-odds of each row; always on one thread."""
        del threads
        total = np.full(len(matrix), self.intercept)
        for index, term in enumerate(self.terms):
            total += term.contribution(matrix[:, index])
        return total

    def contributions(self, matrix: Matrix, threads: int = 1) -> NDArray[np.float64]:
        """Each term's log-odds, the intercept last.

        Terms that are not centred make a base that is nobody's; explanations compare them with a
        reference population, in which such a shift cancels.
        """
        del threads
        columns = [term.contribution(matrix[:, i]) for i, term in enumerate(self.terms)]
        return np.column_stack([*columns, np.full(len(matrix), self.intercept)])
