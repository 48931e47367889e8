"""Scores and inputs of a sample against a model's monitoring reference, which holds no row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from creditrisk.core.settings import MonitorDriftSettings
from creditrisk.mlops.monitoring_reference import (
    CategoryReference,
    MonitoringReference,
    NumberReference,
    category_rows,
)
from creditrisk.models.encoding import FeatureEncoding, ModelFeature
from creditrisk.models.errors import MissingFeatures, WrongFeatureType
from creditrisk.models.metrics.distances import jensen_shannon_distance, wasserstein_distance
from creditrisk.models.metrics.observations import NotMeasurable
from creditrisk.models.metrics.stability import (
    category_counts,
    critical_stability_index,
    gathered,
    stability_index,
)
from creditrisk.monitoring.drift.judgement import Judgement, too_few
from creditrisk.monitoring.drift.report import (
    FOUND,
    SCORE,
    BinShares,
    DriftStatus,
    Kind,
    Measure,
    NewCategory,
    Shift,
    worst,
)

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from creditrisk.models.metrics.observations import Counts

_SHOWN_CATEGORIES = 10
_SHOWN_CHARACTERS = 60


@dataclass(frozen=True, slots=True)
class Comparison:
    """The shift of the score and of every input that the reference knows, numbers first."""

    judgement: Judgement
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
        return sum(shift.status in FOUND for shift in measured) / len(measured)


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
        settings: bars, and how sure a whole comparison is.
    """
    judgement = Judgement.of(reference, settings)
    if isinstance(scores, str):
        score = _unmeasured(SCORE, "score", scores)
    else:
        score = _distribution_shift(SCORE, "score", reference.scores, scores, judgement)
    numbers = [
        _number_shift(name, part, current, judgement) for name, part in reference.numbers.items()
    ]
    categories = [
        _category_shift(name, part, current, judgement)
        for name, part in reference.categories.items()
    ]
    return Comparison(judgement, score, (*numbers, *categories))


def _number_shift(
    name: str, part: NumberReference, current: pa.Table, judgement: Judgement
) -> Shift:
    feature = ModelFeature(name=name, type="real")
    try:
        (values,) = FeatureEncoding(features=(feature,)).columns(current)
    except (MissingFeatures, WrongFeatureType) as error:
        return _unmeasured(name, "number", str(error))
    return _distribution_shift(name, "number", part, values, judgement)


def _distribution_shift(
    name: str,
    kind: Kind,
    part: NumberReference,
    values: NDArray[np.float64],
    judgement: Judgement,
) -> Shift:
    binned = _Binned(part.labels, np.array(part.counts), part.bins.counts(values))
    try:
        index = _stability(binned, judgement)
    except NotMeasurable as error:
        return _unmeasured(name, kind, str(error))
    return _shift(name, kind, binned, (index, *_wasserstein(part, values, judgement)), judgement)


def _category_shift(
    name: str, part: CategoryReference, current: pa.Table, judgement: Judgement
) -> Shift:
    feature = ModelFeature(name=name, type="category", categories=part.categories)
    try:
        FeatureEncoding(features=(feature,)).columns(current)
    except (MissingFeatures, WrongFeatureType) as error:
        return _unmeasured(name, "category", str(error))
    seen = category_rows(current.column(name))
    binned = _Binned(part.labels, np.array(part.counts), category_counts(seen, part.categories)[1])
    try:
        measures = _stability(binned, judgement), _jensen_shannon(binned, judgement)
    except NotMeasurable as error:
        return _unmeasured(name, "category", str(error))
    known = {text for text, rows in zip(part.labels, part.counts, strict=True) if rows}
    new = {text: rows for text, rows in seen.items() if text is not None and text not in known}
    return _shift(name, "category", binned, measures, judgement, new=new)


@dataclass(frozen=True, slots=True)
class _Binned:
    """Both samples' rows by bin, the last of which holds the missing values."""

    labels: tuple[str, ...]
    reference: Counts
    current: Counts

    @property
    def missing_share_change(self) -> float:
        return float(
            self.current[-1] / self.current.sum() - self.reference[-1] / self.reference.sum()
        )

    @property
    def filled(self) -> int:
        """The bins that hold a row of either sample."""
        return int(np.count_nonzero(self.reference + self.current))

    def shares(self) -> Iterator[BinShares]:
        """The bins that hold a row of either sample."""
        for label, one, other in zip(self.labels, self.reference, self.current, strict=True):
            if one or other:
                yield BinShares(
                    label=label,
                    reference_share=float(one / self.reference.sum()),
                    current_share=float(other / self.current.sum()),
                )


def _stability(binned: _Binned, judgement: Judgement) -> Measure:
    one, other = gathered(binned.reference, binned.current)
    confidence = 1 - judgement.level
    index = stability_index(one, other, confidence)
    # Where rows are too few for even two bins, two bins would be the least to tell anything.
    bins = max(index.bins, min(2, binned.filled))
    critical = critical_stability_index(bins, one.sum(), other.sum(), confidence)
    return judgement.measure("psi", index.value, index.p_value, critical)


def _jensen_shannon(binned: _Binned, judgement: Judgement) -> Measure:
    distance = jensen_shannon_distance(binned.reference, binned.current)
    return judgement.measure("jensen_shannon", distance.value, distance.p_value)


def _wasserstein(
    part: NumberReference, values: NDArray[np.float64], judgement: Judgement
) -> tuple[Measure, ...]:
    """None where the reference does not vary or a side has no value: the bins tell all then."""
    try:
        distance = wasserstein_distance(part.distribution, values)
    except NotMeasurable:
        return ()
    return (judgement.measure("wasserstein", distance.value, distance.p_value),)


def _shift(
    name: str,
    kind: Kind,
    binned: _Binned,
    measures: tuple[Measure, ...],
    judgement: Judgement,
    *,
    new: Mapping[str, int] | None = None,
) -> Shift:
    status = worst(measure.status for measure in measures)
    index = measures[0]
    return Shift(
        name=name,
        kind=kind,
        status=status,
        reason=too_few(index, judgement.bars("psi").drifted_from)
        if status == "not measured"
        else None,
        reference_rows=int(binned.reference.sum()),
        current_rows=int(binned.current.sum()),
        missing_share_change=binned.missing_share_change,
        new_categories=_most_frequent(new or {}),
        new_rows=sum((new or {}).values()),
        measures=measures,
        bins=tuple(binned.shares()),
    )


def _most_frequent(rows: Mapping[str, int]) -> tuple[NewCategory, ...]:
    ordered = sorted(rows.items(), key=lambda entry: (-entry[1], entry[0]))
    return tuple(
        NewCategory(category=text[:_SHOWN_CHARACTERS], rows=count)
        for text, count in ordered[:_SHOWN_CATEGORIES]
    )


def _unmeasured(name: str, kind: Kind, reason: str) -> Shift:
    return Shift(name=name, kind=kind, status="not measured", reason=reason)
