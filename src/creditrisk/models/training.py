"""From split tables to a fitted, calibrated model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from creditrisk.contracts.tables import TARGET
from creditrisk.core.settings import FitModelSettings, ModelType, PolicySettings
from creditrisk.features.catalogue import load_catalogue, prohibited_features
from creditrisk.models.encoding import FeatureEncoding, ModelFeature
from creditrisk.models.errors import (
    EmptySplit,
    InvalidTarget,
    NoFeatures,
    SingleClass,
    UncalibratedResampling,
    UnknownExcludedFeatures,
)
from creditrisk.models.metrics import brier_score, gini, log_loss, roc_auc
from creditrisk.models.resampling import smote_downsampling

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from creditrisk.features.metadata import FeatureMetadata
    from creditrisk.models.estimators import EncodedRows, PDClassifier


@dataclass(frozen=True)
class TrainingTables:
    """The sides that training may see; the test side is not among them."""

    train: pa.Table
    validation: pa.Table
    calibration: pa.Table

    def sides(self) -> dict[str, pa.Table]:
        """The tables by side."""
        return {side: getattr(self, side) for side in ("train", "validation", "calibration")}


class Threshold(BaseModel):
    """The PD from which an application counts as a default, and how it was chosen."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: float
    rule: Literal["f1", "youden", "fixed"]
    chosen_on: Literal["calibration", "settings"]


class SideSummary(BaseModel):
    """The rows of a side; of the sides that no tree was fitted on, how well the model does there."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: int
    defaults: int
    metrics: dict[str, float]


@dataclass(frozen=True)
class FittedModel:
    """A calibrated classifier with its encoding, and what is worth knowing of its training."""

    settings: FitModelSettings
    encoding: FeatureEncoding
    classifier: PDClassifier
    threshold: Threshold
    sides: dict[str, SideSummary]

    @property
    def best_iteration(self) -> int:
        """Trees kept, steps of the logistic regression, or characteristics of the scorecard."""
        return int(self.classifier.best_iteration_)

    def pipeline(self) -> Any:
        """The sklearn Pipeline from DataFrame to PD."""
        from sklearn.pipeline import Pipeline

        from creditrisk.models.estimators import FeatureEncoder

        steps = [("encoder", FeatureEncoder.of(self.encoding)), ("classifier", self.classifier)]
        return Pipeline(steps)


def import_libraries(model_type: ModelType) -> None:
    """Import what training a model of that type needs, for a caller who will start threads."""
    import creditrisk.models.estimators  # noqa: F401

    if model_type == "scorecard":
        import optbinning  # noqa: F401


def model_features(
    metadata: FeatureMetadata, excluded: list[str], policy: PolicySettings
) -> tuple[ModelFeature, ...]:
    """The features that the model may use, in the feature table's order.

    Left out are the excluded ones and those that read what the policy prohibits.

    Raises:
        UnknownExcludedFeatures: a name to exclude is no feature.
        UnknownPolicyColumns: the policy prohibits a column that does not exist.
        NoFeatures: none is left.
    """
    features = [column for column in metadata.columns if column.role == "feature"]
    unknown = sorted(set(excluded) - {column.name for column in features})
    if unknown:
        raise UnknownExcludedFeatures(unknown)
    left_out = {*excluded, *prohibited_features(load_catalogue(), policy)}
    kept = tuple(
        ModelFeature(name=column.name, type=column.type, categories=tuple(column.categories))
        for column in features
        if column.name not in left_out
    )
    if not kept:
        raise NoFeatures
    return kept


def train(
    tables: TrainingTables,
    features: tuple[ModelFeature, ...],
    settings: FitModelSettings,
    *,
    threads: int | None = None,
    on_tree: Callable[[int], None] | None = None,
) -> FittedModel:
    """Fit the model on `train`, stop it by `validation`, calibrate it on `calibration`.

    Raises:
        EmptySplit, SingleClass, InvalidTarget: a side cannot be used.
        MissingFeatures, WrongFeatureType: a side's columns are not those of the metadata.
        InvertedCalibration, CalibrationNotFitted: the scores cannot be calibrated.
    """
    if settings.resampling != "none" and settings.calibration == "none":
        raise UncalibratedResampling(settings.resampling)
    encoding = FeatureEncoding(features=features)
    sides = {side: _encoded(side, table, encoding) for side, table in tables.sides().items()}
    classifier = _fitted_classifier(sides, encoding, settings, threads, on_tree)
    held_out = {
        side: classifier.predict_proba(sides[side].matrix)[:, 1]
        for side in ("validation", "calibration")
    }
    threshold = choose_threshold(
        sides["calibration"].target, held_out["calibration"], settings.threshold
    )
    classifier.threshold_ = threshold.value
    summaries = {side: _summary(rows.target, held_out.get(side)) for side, rows in sides.items()}
    return FittedModel(settings, encoding, classifier, threshold, summaries)


def choose_threshold(
    target: NDArray[np.int8],
    probabilities: NDArray[np.float64],
    rule: Literal["f1", "youden"] | float,
) -> Threshold:
    """The PD that maximises F1 or Youden's index, or the fixed one; ties go to the higher PD."""
    if not isinstance(rule, str):
        return Threshold(value=rule, rule="fixed", chosen_on="settings")
    order = np.argsort(-probabilities, kind="stable")
    descending = probabilities[order]
    hits = np.cumsum(target[order], dtype=np.int64)
    flagged = np.arange(1, len(order) + 1)
    defaults = int(hits[-1])
    if rule == "f1":
        quality = 2 * hits / (flagged + defaults)
    else:
        quality = hits / defaults - (flagged - hits) / (len(order) - defaults)
    is_cut = np.append(descending[1:] != descending[:-1], True)
    best = int(np.argmax(np.where(is_cut, quality, -np.inf)))
    return Threshold(value=float(descending[best]), rule=rule, chosen_on="calibration")


def _fitted_classifier(
    sides: dict[str, EncodedRows],
    encoding: FeatureEncoding,
    settings: FitModelSettings,
    threads: int | None,
    on_tree: Callable[[int], None] | None,
) -> PDClassifier:
    from creditrisk.models.estimators import CLASSIFIERS

    matrix, target = sides["train"].matrix, sides["train"].target
    if settings.resampling == "smote_downsampling":
        matrix, target = smote_downsampling(matrix, target, encoding.category_counts, settings.seed)
    return (
        CLASSIFIERS[settings.model_type]
        .of(encoding, settings)
        .fit(
            matrix,
            target,
            validation=sides["validation"],
            calibration=sides["calibration"],
            threads=threads,
            on_tree=on_tree,
        )
    )


def _encoded(side: str, table: pa.Table, encoding: FeatureEncoding) -> EncodedRows:
    from creditrisk.models.estimators import EncodedRows

    if not table.num_rows:
        raise EmptySplit(side)
    target = _target(side, table)
    defaults = int(target.sum())
    if defaults in {0, len(target)}:
        raise SingleClass(side, len(target), defaults)
    return EncodedRows(encoding.encode(table), target)


def _target(side: str, table: pa.Table) -> NDArray[np.int8]:
    if TARGET not in table.column_names:
        raise InvalidTarget(side, "no column TARGET")
    column = table.column(TARGET)
    if column.null_count:
        raise InvalidTarget(side, f"{column.null_count} nulls in TARGET")
    values = column.to_numpy()
    unknown = sorted(set(np.unique(values).tolist()) - {0, 1})
    if unknown:
        raise InvalidTarget(side, f"TARGET = {unknown[0]}")
    return np.asarray(values, dtype=np.int8)


def _summary(target: NDArray[np.int8], pds: NDArray[np.float64] | None) -> SideSummary:
    defaults = int(target.sum())
    metrics = {} if pds is None else _metrics(target, pds)
    return SideSummary(rows=len(target), defaults=defaults, metrics=metrics)


def _metrics(target: NDArray[np.int8], pds: NDArray[np.float64]) -> dict[str, float]:
    auc = roc_auc(target, pds)
    return {
        "roc_auc": auc,
        "gini": gini(auc),
        "log_loss": log_loss(target, pds).value,
        "brier_score": brier_score(target, pds).value,
        "mean_pd": float(np.mean(pds)),
        "default_rate": float(np.mean(target)),
    }
