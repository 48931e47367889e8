from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from simulated_lending import FEATURES, fitted, sealed, unseen

from creditrisk.models.importance import feature_importance


@pytest.fixture(scope="module", params=["lightgbm", "xgboost", "logistic", "scorecard"])
def importance(request: pytest.FixtureRequest, tmp_path_factory: Any) -> dict[str, float]:
    """The importance of each model type's features."""
    bundle = sealed(tmp_path_factory.mktemp("bundle"), request.param)
    return feature_importance(request.param, bundle.contents, unseen())


def test_shares_add_up_to_one_and_fall(importance: dict[str, float]) -> None:
    """Every feature has a share, the largest first."""
    assert set(importance) == {feature.name for feature in FEATURES}
    assert sum(importance.values()) == pytest.approx(1)
    assert list(importance.values()) == sorted(importance.values(), reverse=True)


def test_the_strongest_feature_leads(importance: dict[str, float]) -> None:
    """The law's strongest feature is the model's, whatever the model."""
    assert next(iter(importance)) == "EXT_SOURCE_2"


def test_gains_are_those_of_lightgbm(tmp_path: Path) -> None:
    """The shares read from the text are LightGBM's own gain importance."""
    import lightgbm

    booster = lightgbm.Booster(model_str=fitted("lightgbm").classifier.model_text_)
    gains = booster.feature_importance(importance_type="gain")
    found = feature_importance("lightgbm", sealed(tmp_path).contents, unseen())
    for feature, gain in zip(FEATURES, gains, strict=True):
        assert found[feature.name] == pytest.approx(gain / gains.sum(), rel=1e-4)


def test_gains_are_those_of_xgboost(tmp_path: Path) -> None:
    """The shares read from the JSON are XGBoost's own total gain."""
    import xgboost

    booster = xgboost.Booster()
    booster.load_model(bytearray(fitted("xgboost").classifier.model_text_, "utf-8"))
    gains = booster.get_score(importance_type="total_gain")
    found = feature_importance("xgboost", sealed(tmp_path, "xgboost").contents, unseen())
    order = [feature.name for feature in FEATURES]
    named = {order[int(n[1:])] if n not in order else n: gain for n, gain in gains.items()}
    for name, gain in named.items():
        assert found[name] == pytest.approx(gain / sum(named.values()), rel=1e-4)


def test_a_stump_without_a_split_knows_nothing(tmp_path: Path) -> None:
    """A model of leaves only gives zeros, not a division by zero."""
    contents = dict(sealed(tmp_path).contents)
    contents["booster.txt"] = b"tree\nversion=v4\n"
    found = feature_importance("lightgbm", contents, unseen())
    assert np.all(np.array(list(found.values())) == 0)
