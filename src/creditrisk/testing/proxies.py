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
from creditrisk.testing.groups import Grouping

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

    At most `proxy_rows` applicants count: every k-th in key order, k as small as that allows.
    """
    step = -(-table.num_rows // bars.proxy_rows)
    matrix = FeatureEncoding(features=tuple(features)).encode(table)[::step]
    smallest = bars.smallest_group_share * len(matrix)
    return tuple(
        _row(matrix, grouping.attribute, group, members[::step], bars)
        for grouping in groupings
        for place, group in enumerate(grouping.groups)
        if smallest <= (members := grouping.members(place))[::step].sum() < len(matrix)
    )


def _row(
    matrix: NDArray[np.float64],
    attribute: str,
    group: str,
    members: NDArray[np.bool_],
    bars: FairnessSettings,
) -> ProxyRow:
    auc = roc_auc_estimate(members, _cross_fitted(matrix, members), bars.confidence)
    return ProxyRow(
        attribute=attribute,
        group=group,
        rows=int(members.sum()),
        roc_auc=auc.value,
        low=auc.low,
        high=auc.high,
        holds=auc.low <= bars.max_proxy_auc,
    )


def _cross_fitted(matrix: NDArray[np.float64], members: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Each row's score from the model that was fitted on the half that it is not in."""
    wait_passively()
    import lightgbm

    scores = np.empty(len(matrix))
    halves = slice(0, None, 2), slice(1, None, 2)
    for fitted_on, asked in (halves, halves[::-1]):
        rows = lightgbm.Dataset(matrix[fitted_on], members[fitted_on].astype(np.float64))
        model = lightgbm.train(_PARAMETERS, rows, num_boost_round=_TREES)
        scores[asked] = model.predict(matrix[asked])
    return scores
