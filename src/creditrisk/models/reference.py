"""Measures the reference population of a model: what the approved look like to it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from creditrisk.features.catalogue import Catalogue, protected_features
from creditrisk.models.encoding import Matrix, ModelFeature
from creditrisk.models.errors import NoApprovedApplicants, UncataloguedFeatures
from creditrisk.models.explanation import FeatureReference, ReferencePopulation

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from creditrisk.core.settings import PolicySettings
    from creditrisk.models.serving import ServingForm


def reference_population(
    form: ServingForm, table: pa.Table, catalogue: Catalogue, policy: PolicySettings
) -> ReferencePopulation:
    """The applicants of the calibration side whom the policy approves, as the model sees them.

    No tree was fitted on them, so their PDs and contributions are those of new applicants.

    Raises:
        NoApprovedApplicants: nobody's PD is below `policy.approve_below`.
        UncataloguedFeatures: the model reads a feature that has no words.
    """
    features = form.encoding.features
    if unknown := [f.name for f in features if f.name not in catalogue.names]:
        raise UncataloguedFeatures(unknown)
    pds = form.probabilities(table)
    approved = pds < policy.approve_below
    if not approved.any():
        raise NoApprovedApplicants(len(pds), float(pds.min()), policy.approve_below)
    matrix = form.encoding.encode(table)[approved]
    means = _means(form.matrix_contributions(matrix))
    unnamed = protected_features(catalogue, policy)
    return ReferencePopulation(
        side="calibration",
        approve_below=policy.approve_below,
        rows=len(matrix),
        features=tuple(
            _feature_reference(feature, matrix[:, index], means[index], catalogue, unnamed)
            for index, feature in enumerate(features)
        ),
        reasons={
            code: words
            for code, words in catalogue.reasons.items()
            if any(catalogue[f.name].reason == code and f.name not in unnamed for f in features)
        },
    )


def _feature_reference(
    feature: ModelFeature,
    values: NDArray[np.float64],
    mean_contribution: float,
    catalogue: Catalogue,
    unnamed: dict[str, str],
) -> FeatureReference:
    entry = catalogue[feature.name]
    return FeatureReference(
        name=feature.name,
        label=entry.label,
        unit=entry.unit,
        reason=None if feature.name in unnamed else entry.reason,
        mean_contribution=mean_contribution,
        typical=_typical(feature, values),
        missing_share=float(np.mean(np.isnan(values))),
    )


def _typical(feature: ModelFeature, values: NDArray[np.float64]) -> float | str | None:
    known = values[~np.isnan(values)]
    if not len(known):
        return None
    if feature.categories:
        counts = np.bincount(known.astype(np.int64), minlength=len(feature.categories))
        return feature.categories[int(np.argmax(counts))]
    return float(np.quantile(known, 0.5, method="lower"))


def _means(contributions: Matrix) -> list[float]:
    """The mean of each feature's contribution, exactly rounded: independent of the rows' order."""
    return [math.fsum(column) / len(column) for column in contributions[:, :-1].T.tolist()]
