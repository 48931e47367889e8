"""A small lending problem whose law is known, and models trained on it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from creditrisk.core.settings import FitModelSettings
from creditrisk.mlops.bundle import Bundle, TrainingSnapshot, seal
from creditrisk.models.encoding import FeatureEncoding, ModelFeature
from creditrisk.models.training import FittedModel, TrainingTables, train

if TYPE_CHECKING:
    from numpy.typing import NDArray

INCOME_TYPES = ("Commercial associate", "Pensioner", "State servant", "Working")
INCOME_EFFECTS = (0.1, -0.6, -0.3, 0.3)
FEATURES = (
    ModelFeature(name="EXT_SOURCE_2", type="real"),
    ModelFeature(name="CREDIT_TO_INCOME", type="real"),
    ModelFeature(name="CNT_CHILDREN", type="integer"),
    ModelFeature(name="NAME_INCOME_TYPE", type="category", categories=INCOME_TYPES),
)
ENCODING = FeatureEncoding(features=FEATURES)
SNAPSHOT = TrainingSnapshot(
    raw={"application_train.csv": "1" * 64},
    sql={"application.sql": "2" * 64},
    catalogue="3" * 64,
    feature_store="4" * 64,
    splits=dict.fromkeys(("train", "validation", "calibration"), "5" * 64),
)


def applicants(rows: int, seed: int) -> pa.Table:
    """Feature rows with nulls, their TRUE_PD, and a TARGET drawn from it."""
    generator = np.random.default_rng(seed)
    score = generator.random(rows)
    ratio = generator.exponential(3.0, rows)
    children = generator.poisson(0.5, rows)
    income = generator.integers(len(INCOME_TYPES), size=rows)
    unknown = generator.random((3, rows)) < 0.1
    log_odds = (
        -1.6
        - np.where(unknown[0], 1.2, 3.0 * score)
        + np.where(unknown[1], 0.3, 0.12 * np.minimum(ratio, 10))
        + 0.2 * children
        + np.where(unknown[2], 0.0, np.array(INCOME_EFFECTS)[income])
    )
    true_pd = 1 / (1 + np.exp(-log_odds))
    return pa.table(
        {
            "SK_ID_CURR": pa.array(np.arange(rows)),
            "EXT_SOURCE_2": pa.array(score, mask=unknown[0]),
            "CREDIT_TO_INCOME": pa.array(ratio, mask=unknown[1]),
            "CNT_CHILDREN": pa.array(children),
            "NAME_INCOME_TYPE": pa.array(np.array(INCOME_TYPES)[income], mask=unknown[2]),
            "TRUE_PD": pa.array(true_pd),
            "TARGET": pa.array((generator.random(rows) < true_pd).astype(np.int64)),
        }
    )


@cache
def tables() -> TrainingTables:
    """The three sides, without TRUE_PD."""
    rows = {"train": 6000, "validation": 1500, "calibration": 3000}
    sides = {side: applicants(n, seed) for seed, (side, n) in enumerate(rows.items())}
    return TrainingTables(**{side: table.drop(["TRUE_PD"]) for side, table in sides.items()})


@cache
def unseen() -> pa.Table:
    """Rows that no training has seen, with TRUE_PD."""
    return applicants(20_000, seed=99)


def settings(**changes: Any) -> FitModelSettings:
    """Settings for a small, quick model."""
    quick = {
        "max_trees": 150,
        "early_stopping_rounds": 20,
        "learning_rate": 0.1,
        "colsample_bytree": 1.0,
    }
    return FitModelSettings.model_validate({**quick, **changes})


@cache
def fitted(model_type: str = "lightgbm") -> FittedModel:
    """A model of that type; tests only read it."""
    return train(tables(), FEATURES, settings(model_type=model_type), threads=1)


def sealed(folder: Path, model_type: str = "lightgbm") -> Bundle:
    """The model of that type as a bundle in a new folder."""
    return seal(fitted(model_type), tables(), SNAPSHOT, folder / "credit_risk_pd")


def true_pds(table: pa.Table) -> NDArray[np.float64]:
    """The law's PDs of these rows."""
    return np.asarray(table.column("TRUE_PD").to_numpy(), dtype=np.float64)
