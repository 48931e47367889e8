"""Scores and inputs of a sample against a model's monitoring reference, which holds no row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from creditrisk.core.settings import MonitorDriftSettings
from creditrisk.mlops.monitoring_reference import (
    CategoryReference,
    MonitoringReference,
    NumberReference,
)
from creditrisk.models.encoding import FeatureEncoding, ModelFeature
from creditrisk.models.errors import MissingFeatures, WrongFeatureType
from creditrisk.models.metrics.observations import NotMeasurable
from creditrisk.models.metrics.stability import category_counts, stability_index
from creditrisk.monitoring.drift.report import SCORE, BinShares, DriftStatus, Shift, worst

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from creditrisk.models.metrics.observations import Counts

Kind = Literal["score", "number", "category"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """The shift of the score and of every input that the reference knows, in its order."""

    score: Shift
    features: tuple[Shift, ...]

    @property
    def status(self) -> DriftStatus:
        """The worst of all."""
        return worst(shift.status for shift in (self.score, *self.features))

    @property
    def drift_share(self) -> float | None:
        """The share of the measured inputs that are shifted or drifted; null if none was."""
        measured = [shift for shift in self.features if shift.status != "not measured"]
        if not measured:
            return None
        return sum(shift.status != "stable" for shift in measured) / len(measured)


def compare(
    reference: MonitoringReference,
    current: pa.Table,
    scores: NDArray[np.float64] | str,
    settings: MonitorDriftSettings,
) -> Comparison:
    """Compare a sample with the reference; what cannot be compared is 'not measured'.

    Args:
        reference: the side that the model was made for, in counts.
        current: feature rows; columns may be missing, of another type or unknown to the reference.
        scores: the PD of each row, or why they could not be scored.
        settings: bars.
    """
    shifts = [
        *(_number_shift(name, part, current, settings) for name, part in reference.numbers.items()),
        *(
            _category_shift(name, part, current, settings)
            for name, part in reference.categories.items()
        ),
    ]
    return Comparison(
        score=_unmeasured(SCORE, "score", scores)
        if isinstance(scores, str)
        else _in_bins(SCORE, "score", reference.scores, scores, settings),
        features=tuple(shifts),
    )


def _number_shift(
    name: str, part: NumberReference, current: pa.Table, settings: MonitorDriftSettings
) -> Shift:
    feature = ModelFeature(name=name, type="real")
    try:
        (values,) = FeatureEncoding(features=(feature,)).columns(current)
    except (MissingFeatures, WrongFeatureType) as error:
        return _unmeasured(name, "number", str(error))
    return _in_bins(name, "number", part, values, settings)


def _category_shift(
    name: str, part: CategoryReference, current: pa.Table, settings: MonitorDriftSettings
) -> Shift:
    feature = ModelFeature(name=name, type="category", categories=part.labels[:-2])
    try:
        FeatureEncoding(features=(feature,)).columns(current)
    except (MissingFeatures, WrongFeatureType) as error:
        return _unmeasured(name, "category", str(error))
    seen = {entry["values"]: entry["counts"] for entry in current[name].value_counts().to_pylist()}
    _, now = category_counts(seen, feature.categories)
    return _judged(name, "category", part.labels, (np.array(part.counts), now), settings)


def _in_bins(
    name: str,
    kind: Kind,
    part: NumberReference,
    values: NDArray[np.float64],
    settings: MonitorDriftSettings,
) -> Shift:
    counts = np.array(part.counts), part.bins.counts(values)
    return _judged(name, kind, part.labels, counts, settings)


def _judged(
    name: str,
    kind: Kind,
    labels: Sequence[str],
    counts: tuple[Counts, Counts],
    settings: MonitorDriftSettings,
) -> Shift:
    try:
        index = stability_index(*counts, settings.confidence)
    except NotMeasurable as error:
        return _unmeasured(name, kind, str(error))
    status = _status(index.value, index.critical_value, settings)
    return Shift(
        name=name,
        kind=kind,
        status=status,
        reason=_reason(index.critical_value, settings) if status == "not measured" else None,
        value=index.value,
        critical_value=index.critical_value,
        beyond_chance=index.value > index.critical_value,
        bins=_shares(labels, *counts),
    )


def _unmeasured(name: str, kind: Kind, reason: str) -> Shift:
    return Shift(name=name, kind=kind, status="not measured", reason=reason)


def _status(value: float, critical_value: float, settings: MonitorDriftSettings) -> DriftStatus:
    if critical_value >= settings.drifted_from:
        return "not measured"
    if value < settings.shifted_from or value <= critical_value:
        return "stable"
    return "drifted" if value >= settings.drifted_from else "shifted"


def _reason(critical_value: float, settings: MonitorDriftSettings) -> str:
    return (
        f"too few rows: chance alone reaches {critical_value:.3f}, "
        f"drift begins at {settings.drifted_from:g}"
    )


def _shares(labels: Sequence[str], reference: Counts, current: Counts) -> tuple[BinShares, ...]:
    """The bins that hold a row of either sample."""
    return tuple(
        BinShares(
            label=label,
            reference_share=float(one / reference.sum()),
            current_share=float(other / current.sum()),
        )
        for label, one, other in zip(labels, reference, current, strict=True)
        if one or other
    )
