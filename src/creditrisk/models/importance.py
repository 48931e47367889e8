"""How much each feature contributes to a sealed model, read from its serving form."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from creditrisk.models.encoding import FeatureEncoding
from creditrisk.models.serving import ENCODING_FILE, MODEL_FILES, ServingForm

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

_XGBOOST_LEAF = -1


def feature_importance(
    model_type: str, files: Mapping[str, bytes], table: pa.Table
) -> dict[str, float]:
    """Each feature's share of the model's knowledge, the largest first; the shares add up to one.

    For trees it is the loss that splits on the feature took away in training. For the logistic
    model and the scorecard it is the mean distance of the feature's contribution from its mean
    over the rows of `table`. All shares are 0 where the model knows nothing.
    """
    encoding = FeatureEncoding.model_validate_json(files[ENCODING_FILE])
    content = files[MODEL_FILES[model_type]]
    if model_type == "lightgbm":
        sizes = _lightgbm_gains(content, len(encoding.names))
    elif model_type == "xgboost":
        sizes = _xgboost_gains(content, len(encoding.names))
    else:
        form = ServingForm.parse(model_type, files)
        sizes = _spreads(form.contributions(table)[:, :-1])
    shares = sizes / (sizes.sum() or 1.0)
    return _sorted(encoding.names, shares)


def _sorted(names: Sequence[str], shares: NDArray[np.float64]) -> dict[str, float]:
    order = sorted(range(len(names)), key=lambda index: (-shares[index], index))
    return {names[index]: float(shares[index]) for index in order}


def _lightgbm_gains(model_text: bytes, features: int) -> NDArray[np.float64]:
    """Sum of `split_gain` by `split_feature` over all trees of LightGBM's text format."""
    places: list[int] = []
    gains: list[float] = []
    for line in model_text.decode().splitlines():
        if line.startswith("split_feature="):
            places += map(int, line.partition("=")[2].split())
        elif line.startswith("split_gain="):
            gains += map(float, line.partition("=")[2].split())
    return _totals(places, gains, features)


def _xgboost_gains(model_json: bytes, features: int) -> NDArray[np.float64]:
    """Sum of `loss_changes` by `split_indices` over the inner nodes of all trees."""
    trees = json.loads(model_json)["learner"]["gradient_booster"]["model"]["trees"]
    inner = [
        (place, gain)
        for tree in trees
        for place, gain, left in zip(
            tree["split_indices"], tree["loss_changes"], tree["left_children"], strict=True
        )
        if left != _XGBOOST_LEAF
    ]
    return _totals([place for place, _ in inner], [gain for _, gain in inner], features)


def _spreads(contributions: NDArray[np.float64]) -> NDArray[np.float64]:
    columns = contributions.T
    return np.array([np.mean(np.abs(part - np.mean(part))) for part in columns])


def _totals(places: list[int], gains: list[float], features: int) -> NDArray[np.float64]:
    if not places:
        return np.zeros(features)
    weights = np.array(gains, dtype=np.float64)
    return np.bincount(places, weights=weights, minlength=features).astype(np.float64)
