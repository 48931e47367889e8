"""From split tables to a fitted model."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from simulated_lending import FEATURES, fitted, settings, tables

from creditrisk.contracts.tables import raw_tables
from creditrisk.core.settings import PolicySettings
from creditrisk.features.metadata import describe
from creditrisk.models.errors import (
    EmptySplit,
    InvalidTarget,
    MissingFeatures,
    NoFeatures,
    SingleClass,
    UncalibratedResampling,
    UnknownExcludedFeatures,
)
from creditrisk.models.training import (
    FittedModel,
    choose_threshold,
    model_features,
    train,
)

METADATA = describe([raw_tables()["application"].column("TARGET")])
LENIENT = PolicySettings(prohibited_inputs={})


def with_target(values: pa.Array) -> pa.Table:
    """The calibration rows with another TARGET."""
    table = tables().calibration.slice(0, len(values))
    return table.set_column(table.column_names.index("TARGET"), "TARGET", values)


def trained(side: str, table: pa.Table, **changes: Any) -> FittedModel:
    """A model trained with one side replaced."""
    return train(replace(tables(), **{side: table}), FEATURES, settings(**changes), threads=1)


every_side = pytest.mark.parametrize("side", ["train", "validation", "calibration"])


@every_side
def test_an_empty_side_is_refused(side: str) -> None:
    """No model is trained, stopped or calibrated on nothing."""
    with pytest.raises(EmptySplit, match=f"the {side} split has no rows"):
        trained(side, tables().train.slice(0, 0))


@every_side
@pytest.mark.parametrize("outcome", [0, 1])
def test_a_side_with_one_outcome_is_refused(side: str, outcome: int) -> None:
    """Both outcomes are needed on every side."""
    with pytest.raises(SingleClass, match=f"the {side} split has {outcome * 9} defaults in 9 rows"):
        trained(side, with_target(pa.array([outcome] * 9)))


@pytest.mark.parametrize(
    ("values", "seen"),
    [(pa.array([0, 1, None]), "1 nulls in TARGET"), (pa.array([0, 1, 2]), "TARGET = 2")],
)
def test_an_outcome_that_is_no_outcome_is_refused(values: pa.Array, seen: str) -> None:
    """TARGET is 0 or 1, known in every row."""
    with pytest.raises(InvalidTarget, match=f"{seen} in the train split"):
        trained("train", with_target(values))


@every_side
def test_a_side_without_outcomes_is_refused(side: str) -> None:
    """Rows without TARGET cannot be trained on."""
    with pytest.raises(InvalidTarget, match="no column TARGET"):
        trained(side, tables().train.drop(["TARGET"]))


@every_side
def test_a_side_without_a_feature_is_refused(side: str) -> None:
    """Every side has every feature."""
    with pytest.raises(MissingFeatures, match="CNT_CHILDREN"):
        trained(side, tables().train.drop(["CNT_CHILDREN"]))


def test_resampling_without_calibration_is_refused() -> None:
    """Resampled rows have another default rate; nothing else would bring it back."""
    with pytest.raises(UncalibratedResampling, match="only calibration: platt"):
        trained("train", tables().train, resampling="smote_downsampling", calibration="none")


def test_resampling_is_recalibrated() -> None:
    """After SMOTE with downsampling the mean PD still is the population's default rate."""
    model = trained("train", tables().train, resampling="smote_downsampling")
    side = model.sides["calibration"]
    assert side.metrics["mean_pd"] == pytest.approx(side.defaults / side.rows, abs=1e-9)
    assert model.classifier.intercept_ < -0.5


def test_features_come_in_the_order_of_the_table() -> None:
    """Keys and outcomes are no features; types and categories are the catalogue's."""
    features = model_features(METADATA, [], LENIENT)
    assert [feature.name for feature in features] == list(METADATA.names("feature"))
    assert {"SK_ID_CURR", "TARGET"}.isdisjoint(feature.name for feature in features)
    gender = next(feature for feature in features if feature.name == "CODE_GENDER")
    assert gender.categories == ("F", "M", "XNA")


def test_excluded_features_are_left_out() -> None:
    """A feature named in `excluded_features` is not read."""
    features = model_features(METADATA, ["CODE_GENDER"], LENIENT)
    assert len(features) == len(METADATA.names("feature")) - 1
    assert "CODE_GENDER" not in [feature.name for feature in features]


def test_prohibited_inputs_are_left_out() -> None:
    """What the policy prohibits is not read, neither directly nor by counting whether it is empty."""
    names = {feature.name for feature in model_features(METADATA, [], PolicySettings())}
    left_out = {"CODE_GENDER", "NAME_FAMILY_STATUS", "TOT_MISSING_COUNT"}
    assert set(METADATA.names("feature")) - names == left_out


@pytest.mark.parametrize("name", ["CODE_GENDR", "TARGET", "SK_ID_CURR"])
def test_excluding_what_is_no_feature_is_refused(name: str) -> None:
    """A misspelt exclusion is never ignored: the model would use the feature."""
    with pytest.raises(UnknownExcludedFeatures, match=name):
        model_features(METADATA, [name], LENIENT)


def test_excluding_everything_is_refused() -> None:
    """A model needs a feature."""
    with pytest.raises(NoFeatures):
        model_features(METADATA, list(METADATA.names("feature")), LENIENT)


def f1(target: np.ndarray, flagged: np.ndarray) -> float:
    return 2 * (target & flagged).sum() / (target.sum() + flagged.sum())


def youden(target: np.ndarray, flagged: np.ndarray) -> float:
    return flagged[target == 1].mean() - flagged[target == 0].mean()


@pytest.mark.parametrize(("rule", "quality"), [("f1", f1), ("youden", youden)])
def test_the_threshold_is_the_best_of_all(rule: Any, quality: Any) -> None:
    """No other PD as threshold has a higher F1 or Youden index; PDs may tie."""
    generator = np.random.default_rng(8)
    pds = generator.random(400).round(2)
    target = (generator.random(400) < pds / 2).astype(np.int8)
    chosen = choose_threshold(target, pds, rule)
    best = max(quality(target, pds >= cut) for cut in np.unique(pds))
    assert quality(target, pds >= chosen.value) == pytest.approx(best)
    assert (chosen.rule, chosen.chosen_on) == (rule, "calibration")


def test_a_fixed_threshold_is_kept() -> None:
    """A number in params.yaml is the threshold."""
    chosen = choose_threshold(np.array([0, 1], np.int8), np.array([0.1, 0.2]), 0.15)
    assert (chosen.value, chosen.rule, chosen.chosen_on) == (0.15, "fixed", "settings")


def test_each_side_is_summarised() -> None:
    """Rows of all sides are counted, metrics are of the sides that no tree was fitted on."""
    sides = fitted().sides
    assert {side: summary.rows for side, summary in sides.items()} == {
        "train": 6000,
        "validation": 1500,
        "calibration": 3000,
    }
    assert sides["train"].metrics == {}
    assert all(0.6 < sides[s].metrics["roc_auc"] < 0.95 for s in ("validation", "calibration"))
