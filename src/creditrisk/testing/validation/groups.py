"""Groups of applicants: by a protected attribute, by a segment of the portfolio."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from creditrisk.core.settings import ProtectedAttribute
from creditrisk.models.metrics.observations import NotMeasurable

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

UNKNOWN = "not known"
_QUARTILES = (0.25, 0.5, 0.75)


@dataclass(frozen=True, slots=True)
class Grouping:
    """An attribute's groups in order, and the place of each applicant's group among them."""

    attribute: str
    groups: tuple[str, ...]
    places: NDArray[np.int64]

    def members(self, place: int) -> NDArray[np.bool_]:
        """Which applicants belong to the group at that place."""
        members: NDArray[np.bool_] = self.places == place
        return members


def by_attribute(table: pa.Table, name: str, attribute: ProtectedAttribute) -> Grouping:
    """The groups of a protected attribute.

    Raises:
        NotMeasurable: the table has no such column.
    """
    column = _column(table, attribute.column)
    if attribute.bounds:
        return by_bounds(name, _numbers(column), attribute.bounds)
    return by_value(name, column)


def by_value(name: str, column: pa.ChunkedArray) -> Grouping:
    """One group a value, in alphabetical order."""
    texts = [UNKNOWN if value is None else str(value) for value in column.to_pylist()]
    groups = sorted(set(texts))
    place = {group: index for index, group in enumerate(groups)}
    return Grouping(name, tuple(groups), np.array([place[text] for text in texts], np.int64))


def by_bounds(name: str, values: NDArray[np.float64], bounds: Sequence[float]) -> Grouping:
    """Bands between the bounds: 30 and 40 give below 30, 30 to below 40, 40 and over."""
    shown = [f"{bound:g}" for bound in bounds]
    between = [f"{low} to below {high}" for low, high in pairwise(shown)]
    groups = (f"below {shown[0]}", *between, f"{shown[-1]} and over", UNKNOWN)
    places = np.searchsorted(np.array(bounds), values, side="right")
    return Grouping(name, groups, np.where(np.isnan(values), len(groups) - 1, places))


def segments(table: pa.Table) -> tuple[Grouping, ...]:
    """The segments by which calibration is shown: product, age, income and credit history.

    Raises:
        NotMeasurable: a column that they are made from is not there.
    """
    history = np.isnan(_numbers(_column(table, "BUREAU_N_ACTIVE"))).astype(np.int64)
    income = _numbers(_column(table, "AMT_INCOME_TOTAL"))
    quartiles = np.quantile(income[~np.isnan(income)], _QUARTILES, method="inverted_cdf")
    return (
        by_value("contract type", _column(table, "NAME_CONTRACT_TYPE")),
        by_bounds("age", _numbers(_column(table, "AGE_YEARS")), (30, 40, 50, 60)),
        Grouping(
            "income quarter",
            ("lowest", "second", "third", "highest", UNKNOWN),
            np.where(np.isnan(income), 4, np.searchsorted(quartiles, income, side="left")),
        ),
        Grouping("credit bureau", ("has a record", "no record"), history),
    )


def _column(table: pa.Table, name: str) -> pa.ChunkedArray:
    if name not in table.column_names:
        raise NotMeasurable(f"the test side has no column {name}", "groups are made from it")
    return table.column(name)


def _numbers(column: pa.ChunkedArray) -> NDArray[np.float64]:
    values: NDArray[np.float64] = np.array(column.to_pylist(), np.float64)
    return values
