"""The scorecard as data: points for each bin of each characteristic, which a person can add up.

It needs numpy and nothing else to score. Points are whole numbers, and the machine's score is the
same sum of points that the printed table gives.

Source: Siddiqi, Credit Risk Scorecards (2006), ch. 6, for weight of evidence and scaling.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from creditrisk.core.report import Report
from creditrisk.models.encoding import Matrix

if TYPE_CHECKING:
    from numpy.typing import NDArray

START = "Start"
EVERY_APPLICANT = "every applicant"
MISSING = "missing"
MISSING_OR_OTHER = "missing or any other"
SEPARATOR = "; "  # between the categories of a bin
_PRINTED_DECIMALS = 6


class Part(BaseModel):
    """A part of the scorecard."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Bin(Part):
    """Applicants who get the same points for a characteristic.

    `lower` and `upper` bound a number, the lower bound included, null where there is none;
    `codes` and `categories` list the categories. `rows`, `default_rate` (null without rows), `woe`
    (weight of evidence: log of the good:bad odds over those of all rows) and `information_value`
    are of the training rows.
    """

    label: str
    lower: float | None = None
    upper: float | None = None
    codes: tuple[int, ...] = ()
    categories: tuple[str, ...] = ()
    rows: int
    default_rate: float | None
    woe: float
    information_value: float
    points: int


class Characteristic(Part):
    """A feature with its bins; `missing` is also the bin of a category that no bin lists."""

    feature: str
    column: int
    categories: int
    coefficient: Annotated[float, Field(gt=0)]
    information_value: float
    bins: tuple[Bin, ...]
    missing: Bin

    def all_bins(self) -> tuple[Bin, ...]:
        """The bins in order, that of missing values last."""
        return (*self.bins, self.missing)

    def with_bins(self, bins: Sequence[Bin], coefficient: float) -> Characteristic:
        """The same bounds and categories with other figures."""
        return Characteristic(
            feature=self.feature,
            column=self.column,
            categories=self.categories,
            coefficient=coefficient,
            information_value=math.fsum(each.information_value for each in bins),
            bins=tuple(bins[:-1]),
            missing=bins[-1],
        )

    def points(self, values: NDArray[np.float64]) -> NDArray[np.int64]:
        """The points of each value of the encoded column."""
        return self._points[self.positions(values)]

    def positions(self, values: NDArray[np.float64]) -> NDArray[np.int64]:
        """The place in `all_bins` of the bin of each value of the encoded column."""
        missing = np.isnan(values)
        if self.categories:
            found = self._bin_of_code[np.where(missing, 0, values).astype(np.int64)]
        else:
            found = np.searchsorted(self._bounds, values, side="right")
        return np.where(missing, len(self.bins), found)

    @cached_property
    def _points(self) -> NDArray[np.int64]:
        return np.array([each.points for each in self.all_bins()], dtype=np.int64)

    @cached_property
    def _bounds(self) -> NDArray[np.float64]:
        return np.array([each.lower for each in self.bins[1:]], dtype=np.float64)

    @cached_property
    def _bin_of_code(self) -> NDArray[np.int64]:
        positions = np.full(self.categories, len(self.bins), dtype=np.int64)
        for position, each in enumerate(self.bins):
            positions[list(each.codes)] = position
        return positions


class Scaling(Part):
    """What points mean: `base_points` stand for good:bad odds of `base_odds`, `pdo` more double them."""

    pdo: float
    base_points: int
    base_odds: float

    @property
    def points_per_log_odds(self) -> float:
        """How many points a step of 1 in the log of the good:bad odds is worth."""
        return self.pdo / math.log(2)

    def log_odds(self, points: NDArray[np.int64]) -> NDArray[np.float64]:
        """The log-odds of default that a sum of points stands for."""
        return -math.log(self.base_odds) - (points - self.base_points) / self.points_per_log_odds


class TableRow(Part):
    """One line of the printed scorecard; what only informs is rounded for the eye."""

    characteristic: str
    bin: str
    points: int
    rows: int | None = None
    default_rate: float | None = None
    woe: float | None = None
    information_value: float | None = None


class Scorecard(Report):
    """Every applicant starts with `start_points`; each characteristic adds those of one bin.

    `features` is the number of columns of the encoded matrix, of which the characteristics read
    some.
    """

    features: int
    scaling: Scaling
    start_points: int
    characteristics: tuple[Characteristic, ...]

    def points(self, matrix: Matrix) -> NDArray[np.int64]:
        """The score of each row, in points: the higher, the safer."""
        total = np.full(len(matrix), self.start_points, dtype=np.int64)
        for each in self.characteristics:
            total += each.points(matrix[:, each.column])
        return total

    def raw_scores(self, matrix: Matrix, threads: int = 1) -> NDArray[np.float64]:
        """The log-odds of default of each row; always on one thread."""
        del threads
        return self.scaling.log_odds(self.points(matrix))

    def contributions(self, matrix: Matrix, threads: int = 1) -> NDArray[np.float64]:
        """What each column adds to the log-odds, the start last: shape (n_rows, n_columns + 1)."""
        del threads
        parts = np.zeros((len(matrix), self.features + 1))
        for each in self.characteristics:
            points = each.points(matrix[:, each.column])
            parts[:, each.column] = -points / self.scaling.points_per_log_odds
        parts[:, -1] = self.scaling.log_odds(np.array(self.start_points))
        return parts

    def table(self) -> tuple[TableRow, ...]:
        """The scorecard as a person reads it: the start, then bin by bin."""
        start = TableRow(characteristic=START, bin=EVERY_APPLICANT, points=self.start_points)
        return (start, *self._bin_rows())

    def table_csv(self) -> str:
        """The table as CSV, with a header."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(TableRow.model_fields)
        writer.writerows(row.model_dump().values() for row in self.table())
        return text.getvalue()

    def _bin_rows(self) -> Iterator[TableRow]:
        for characteristic in self.characteristics:
            for each in characteristic.all_bins():
                yield TableRow(
                    characteristic=characteristic.feature,
                    bin=each.label,
                    points=each.points,
                    rows=each.rows,
                    default_rate=None if each.default_rate is None else _rounded(each.default_rate),
                    woe=_rounded(each.woe),
                    information_value=_rounded(each.information_value),
                )


def _rounded(value: float) -> float:
    return round(value, _PRINTED_DECIMALS)


def number_label(lower: float | None, upper: float | None) -> str:
    """The words for the numbers from `lower` to below `upper`."""
    if lower is None:
        return "any value" if upper is None else f"below {_digits(upper)}"
    if upper is None:
        return f"{_digits(lower)} and over"
    return f"{_digits(lower)} to below {_digits(upper)}"


def _digits(number: float) -> str:
    """The shortest digits that mean exactly this number, without an exponent."""
    return np.format_float_positional(number, trim="-")
