"""Columns that give the outcome away: copies of TARGET, and what is filled in after default."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from creditrisk.contracts.tables import APPLICANT_KEY, TARGET
from creditrisk.core.errors import CreditRiskError
from creditrisk.core.settings import SplitSettings

if TYPE_CHECKING:
    import numpy as np
    from duckdb import DuckDBPyConnection
    from numpy.typing import NDArray

_CHANCE_DEVIATE = 4.5  # 1 in 150,000: a few hundred columns in a tiny portfolio pass


class GiveawayColumn(CreditRiskError):
    """A feature tells the outcome as no fact known at application can."""

    def __init__(self, features: Path, separations: dict[str, float], bar: float) -> None:
        columns = ", ".join(f"{name} ({auc:.4f})" for name, auc in separations.items())
        super().__init__(
            f"{features} not split: {columns} alone separates {TARGET} with this ROC-AUC, at most "
            f"{bar:g} is accepted (params.yaml, split.max_feature_auc). Such a column holds the "
            "outcome or was filled in after it; take it out of the feature table."
        )


def refuse_giveaways(
    connection: DuckDBPyConnection, features: Path, settings: SplitSettings
) -> None:
    """Refuse a column of `feature_table` that separates the outcomes nearly alone, in either direction.

    Judged on the 20,000 applicants of `assignment` with the lowest positions. Nulls count as a
    value of their own, so that a column that is filled for defaulters only is seen.

    Raises:
        GiveawayColumn: ROC-AUC above `split.max_feature_auc`, and beyond what chance reaches.
    """
    sample = _sample(connection)
    names = [n for n in sample if n not in {APPLICANT_KEY, TARGET, settings.group_column}]
    defaulted = sample[TARGET].astype(bool)
    separations = {name: _separation(sample[name], defaulted) for name in names}
    bar = max(settings.max_feature_auc, 0.5 + _CHANCE_DEVIATE * _chance_deviation(defaulted))
    giveaways = {name: auc for name, auc in separations.items() if auc > bar}
    if giveaways:
        raise GiveawayColumn(features, giveaways, settings.max_feature_auc)


def _sample(connection: DuckDBPyConnection) -> dict[str, NDArray[np.generic]]:
    sample: dict[str, Any] = connection.execute(
        """
        with sampled as (
            select applicant, position from assignment
            order by position, applicant limit 20000
        )
        select feature_table.* from feature_table
        inner join sampled on feature_table.SK_ID_CURR = sampled.applicant
        order by sampled.position, sampled.applicant
        """
    ).fetchnumpy()
    return sample


def _separation(values: NDArray[np.generic], defaulted: NDArray[np.bool_]) -> float:
    """The ROC-AUC of one column, turned so that it is at least 0.5.

    A category's levels are ranked by the default rate in one half of the rows and judged on the
    other, so that many small levels do not look like knowledge.
    """
    import numpy as np

    missing = np.ma.getmaskarray(values)
    if values.dtype.kind in "OUS":
        texts = np.where(missing, "\0null", np.ma.filled(values.astype(str), ""))
        _, codes = np.unique(texts, return_inverse=True)
        half = np.arange(codes.size) % 2 == 0
        auc = rank_auc(_level_rates(codes[half], defaulted[half], codes)[~half], defaulted[~half])
    else:
        numbers = np.ma.filled(values.astype(np.float64), -np.inf)
        auc = rank_auc(np.nan_to_num(numbers, nan=-np.inf), defaulted)
    return max(auc, 1 - auc)


def _level_rates(
    codes: NDArray[np.intp], defaulted: NDArray[np.bool_], wanted: NDArray[np.intp]
) -> NDArray[np.float64]:
    """The default rate of each wanted code, the overall rate where the code was not seen."""
    import numpy as np

    size = int(wanted.max()) + 1
    seen = np.bincount(codes, minlength=size)
    defaults = np.bincount(codes, weights=defaulted, minlength=size)
    overall = defaulted.mean() if defaulted.size else 0.0
    rates: NDArray[np.float64] = np.where(seen > 0, defaults / np.maximum(seen, 1), overall)[wanted]
    return rates


def rank_auc(values: NDArray[np.float64], defaulted: NDArray[np.bool_]) -> float:
    """The Mann-Whitney share of pairs in which the defaulter has the higher value, ties half.

    0.5 where one outcome is missing: nothing can be separated.
    """
    import numpy as np

    _, codes = np.unique(values, return_inverse=True)
    ones = np.bincount(codes, weights=defaulted)
    zeros = np.bincount(codes) - ones
    pairs = ones.sum() * zeros.sum()
    if not pairs:
        return 0.5
    return float((ones * (np.cumsum(zeros) - zeros / 2)).sum() / pairs)


def _chance_deviation(defaulted: NDArray[np.bool_]) -> float:
    """Standard deviation of the ROC-AUC of a column that knows nothing (Mann and Whitney, 1947)."""
    ones = int(defaulted.sum())
    zeros = defaulted.size - ones
    return math.sqrt((ones + zeros + 1) / (12 * max(ones * zeros, 1)))
