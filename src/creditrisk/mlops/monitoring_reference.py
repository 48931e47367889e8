"""What a model's training side looked like, in counts: what later data is compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from creditrisk.core.report import Part, Report
from creditrisk.models.encoding import FeatureEncoding, Matrix, ModelFeature
from creditrisk.models.metrics.stability import NumberBins, category_counts

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from creditrisk.models.serving import ServingForm

BINS = 10


class NumberReference(Part):
    """A number's bins, as `NumberBins` makes them, with the training rows in each."""

    points: tuple[float, ...]
    by_value: bool
    labels: tuple[str, ...]
    counts: tuple[int, ...]

    @property
    def bins(self) -> NumberBins:
        """The bins in which later rows are counted."""
        return NumberBins(np.array(self.points), by_value=self.by_value)


class CategoryReference(Part):
    """The training rows of each category, of any other, and of missing values."""

    labels: tuple[str, ...]
    counts: tuple[int, ...]


class MonitoringReference(Report):
    """Training rows by decile of their PD, and by bin of every feature; holds no person."""

    side: Literal["train"]
    rows: int
    scores: NumberReference
    numbers: dict[str, NumberReference]
    categories: dict[str, CategoryReference]


def monitoring_reference(form: ServingForm, train: pa.Table) -> MonitoringReference:
    """Count the training side in bins of its own."""
    return reference_of(form.encoding, form.encoding.encode(train), form.probabilities(train))


def reference_of(
    encoding: FeatureEncoding, matrix: Matrix, scores: NDArray[np.float64]
) -> MonitoringReference:
    """Count encoded rows and their PDs in bins of their own."""
    columns = dict(zip(encoding.features, matrix.T, strict=True))
    return MonitoringReference(
        side="train",
        rows=len(matrix),
        scores=_number(scores),
        numbers={
            feature.name: _number(values)
            for feature, values in columns.items()
            if not feature.categories
        },
        categories={
            feature.name: _category(feature, values)
            for feature, values in columns.items()
            if feature.categories
        },
    )


def _number(values: NDArray[np.float64]) -> NumberReference:
    bins = NumberBins.of(values, BINS)
    return NumberReference(
        points=tuple(bins.points.tolist()),
        by_value=bins.by_value,
        labels=bins.labels,
        counts=tuple(bins.counts(values).tolist()),
    )


def _category(feature: ModelFeature, codes: NDArray[np.float64]) -> CategoryReference:
    known = codes[~np.isnan(codes)].astype(np.int64)
    rows = np.bincount(known, minlength=len(feature.categories)).tolist()
    seen: dict[str | None, int] = dict(zip(feature.categories, rows, strict=True))
    seen[None] = len(codes) - len(known)
    labels, counts = category_counts(seen, feature.categories)
    return CategoryReference(labels=labels, counts=tuple(counts.tolist()))
