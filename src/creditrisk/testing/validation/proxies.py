"""How well a model's inputs tell who belongs to a protected group.

A small LightGBM model is fitted on half of the applicants and asked about the other half, and the
other way round. It serves this measurement alone: nothing of it is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from creditrisk.core.settings import FairnessSettings
from creditrisk.models.encoding import FeatureEncoding, ModelFeature
from creditrisk.models.metrics import roc_auc_estimate
from creditrisk.models.native import wait_passively
from creditrisk.testing.details import ProxyRow
from creditrisk.testing.validation.groups import Grouping

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

_TREES = 60
_PARAMETERS = {
    "objective": "binary",
    "num_leaves": 15,
    "learning_rate": 0.1,
    "min_child_samples": 50,
    "max_bin": 63,
    "deterministic": True,
    "force_row_wise": True,
    "seed": 1,
    "verbosity": -1,
}


def measure_proxies(
    table: pa.Table,
    features: Sequence[ModelFeature],
    groupings: Sequence[Grouping],
    bars: FairnessSettings,
) -> tuple[ProxyRow, ...]:
    """The ROC-AUC of each group against all others, of every group that is large enough.

    At most `proxy_rows` applicants count: every k-th in key order, k as small as that allows. Of an
    attribute with two groups the first stands for both.
    """
    step = -(-table.num_rows // bars.proxy_rows)
    matrix = FeatureEncoding(features=tuple(features)).encode(table)[::step]
    halves = _Halves(matrix)
    return tuple(
        _row(halves, grouping.attribute, group, members, bars)
        for grouping in groupings
        for group, members in _large_groups(grouping, step, bars)
    )


def _large_groups(
    grouping: Grouping, step: int, bars: FairnessSettings
) -> list[tuple[str, NDArray[np.bool_]]]:
    cells = [
        (group, grouping.members(place)[::step]) for place, group in enumerate(grouping.groups)
    ]
    filled = [(group, members) for group, members in cells if members.any()]
    large = [cell for cell in filled if cell[1].mean() >= bars.smallest_group_share]
    return large if len(filled) > 2 else large[: len(filled) - 1]  # noqa: PLR2004 - mirrored


def _row(
    halves: _Halves,
    attribute: str,
    group: str,
    members: NDArray[np.bool_],
    bars: FairnessSettings,
) -> ProxyRow:
    auc = roc_auc_estimate(members, halves.cross_fitted(members), bars.confidence)
    return ProxyRow(
        attribute=attribute,
        group=group,
        rows=int(members.sum()),
        roc_auc=auc.value,
        low=auc.low,
        high=auc.high,
        holds=auc.low <= bars.max_proxy_auc,
    )


class _Halves:
    """Every second row and the others, binned once for all groups."""

    def __init__(self, matrix: NDArray[np.float64]) -> None:
        wait_passively()
        import lightgbm

        self._train = lightgbm.train
        self._matrix = matrix
        self._sides = slice(0, None, 2), slice(1, None, 2)
        self._binned = [lightgbm.Dataset(matrix[side], params=_PARAMETERS) for side in self._sides]
        for rows in self._binned:
            rows.construct()

    def cross_fitted(self, members: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Each row's score from the model that was fitted on the half that it is not in."""
        scores = np.empty(len(members))
        for fitted_on, asked, rows in zip(
            self._sides, self._sides[::-1], self._binned, strict=True
        ):
            rows.set_label(members[fitted_on].astype(np.float64))
            model = self._train(_PARAMETERS, rows, num_boost_round=_TREES)
            scores[asked] = model.predict(self._matrix[asked])
        return scores
