"""What a model's training side looked like, in counts: what later data is compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from creditrisk.core.report import Part, Report
from creditrisk.models.encoding import FeatureEncoding, ModelFeature
from creditrisk.models.metrics.distances import Quantiles
from creditrisk.models.metrics.stability import NumberBins, category_counts

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from creditrisk.models.serving import ServingForm

BINS = 10


class NumberReference(Part):
    """A number's bins, as `NumberBins` makes them, with the training rows in each.

    `quantiles` and `at_or_below` sum it up more finely, as `Quantiles` does; they are empty in
    bundles of before that, whose numbers can be compared by bins only.
    """

    points: tuple[float, ...]
    by_value: bool
    labels: tuple[str, ...]
    counts: tuple[int, ...]
    quantiles: tuple[float, ...] = ()
    at_or_below: tuple[int, ...] = ()

    @property
    def bins(self) -> NumberBins:
        """The bins in which later rows are counted."""
        return NumberBins(np.array(self.points), by_value=self.by_value)

    @property
    def distribution(self) -> Quantiles:
        """The values that are not missing."""
        rows = sum(self.counts) - self.counts[-1]
        return Quantiles(np.array(self.quantiles), np.array(self.at_or_below, np.int64), rows)


class CategoryReference(Part):
    """The training rows of each category, of any other, and of missing values."""

    labels: tuple[str, ...]
    counts: tuple[int, ...]

    @property
    def categories(self) -> tuple[str, ...]:
        """Those that have a bin of their own."""
        return self.labels[:-2]


class MonitoringReference(Report):
    """Training rows by decile of their PD, and by bin of every feature; holds no person."""

    side: Literal["train"]
    rows: int
    scores: NumberReference
    numbers: dict[str, NumberReference]
    categories: dict[str, CategoryReference]


def monitoring_reference(form: ServingForm, train: pa.Table) -> MonitoringReference:
    """Count the training side in bins of its own."""
    return reference_of(form.encoding, train, form.probabilities(train))


def reference_of(
    encoding: FeatureEncoding, table: pa.Table, scores: NDArray[np.float64]
) -> MonitoringReference:
    """Count rows and their PDs in bins of their own.

    Raises:
        MissingFeatures, WrongFeatureType: the columns are not those of the encoding.
    """
    columns = dict(zip(encoding.features, encoding.columns(table), strict=True))
    return MonitoringReference(
        side="train",
        rows=table.num_rows,
        scores=_number(scores),
        numbers={
            feature.name: _number(values)
            for feature, values in columns.items()
            if not feature.categories
        },
        categories={
            feature.name: _category(feature, table.column(feature.name))
            for feature in columns
            if feature.categories
        },
    )


def category_rows(column: pa.ChunkedArray) -> dict[str | None, int]:
    """The rows of each text of a column, None for missing values."""
    return {entry["values"]: entry["counts"] for entry in column.value_counts().to_pylist()}


def _number(values: NDArray[np.float64]) -> NumberReference:
    bins, quantiles = NumberBins.of(values, BINS), Quantiles.of(values)
    return NumberReference(
        points=tuple(bins.points.tolist()),
        by_value=bins.by_value,
        labels=bins.labels,
        counts=tuple(bins.counts(values).tolist()),
        quantiles=tuple(quantiles.points.tolist()),
        at_or_below=tuple(quantiles.at_or_below.tolist()),
    )


def _category(feature: ModelFeature, column: pa.ChunkedArray) -> CategoryReference:
    labels, counts = category_counts(category_rows(column), feature.categories)
    return CategoryReference(labels=labels, counts=tuple(counts.tolist()))
