"""The training side in counts."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from simulated_lending import fitted, tables

from creditrisk.mlops.monitoring_reference import (
    MonitoringReference,
    NumberReference,
    monitoring_reference,
    reference_of,
)
from creditrisk.models.encoding import FeatureEncoding, ModelFeature
from creditrisk.models.serving import ServingForm, serving_files

TRAIN = tables().train


def form() -> ServingForm:
    classifier = fitted().classifier
    parts = (fitted().encoding, classifier.calibration, classifier.model_text_)
    return ServingForm.parse("lightgbm", serving_files("lightgbm", *parts))


@pytest.fixture(scope="module")
def reference() -> MonitoringReference:
    """The reference of the small model's training side."""
    return monitoring_reference(form(), TRAIN)


def test_scores_are_counted_by_decile(reference: MonitoringReference) -> None:
    """Each tenth of the training side has a tenth of the rows, ties apart."""
    assert len(reference.scores.points) == 9
    assert reference.scores.counts[-1] == 0
    assert np.allclose(reference.scores.counts[:-1], TRAIN.num_rows / 10, rtol=0.05)


def test_every_feature_is_counted_once(reference: MonitoringReference) -> None:
    """Each feature's bins hold every training row, missing values in a bin of their own."""
    bins = {**reference.numbers, **reference.categories}
    assert set(bins) == {"EXT_SOURCE_2", "CREDIT_TO_INCOME", "CNT_CHILDREN", "NAME_INCOME_TYPE"}
    for name, part in bins.items():
        counted = dict(zip(part.labels, part.counts, strict=True))
        assert sum(part.counts) == reference.rows == TRAIN.num_rows
        assert counted["missing"] == TRAIN.column(name).null_count


def test_categories_are_counted_by_name(reference: MonitoringReference) -> None:
    """Each category has its rows."""
    part = reference.categories["NAME_INCOME_TYPE"]
    seen = TRAIN.column("NAME_INCOME_TYPE").to_pylist().count("Pensioner")
    assert dict(zip(part.labels, part.counts, strict=True))["Pensioner"] == seen


def test_the_bins_count_later_rows(reference: MonitoringReference) -> None:
    """Read back, the bins give the training side its own counts again."""
    again = MonitoringReference.model_validate_json(reference.model_dump_json())
    pds = form().probabilities(TRAIN)
    assert tuple(again.scores.bins.counts(pds)) == again.scores.counts
    children = np.asarray(TRAIN.column("CNT_CHILDREN"), np.float64)
    part = again.numbers["CNT_CHILDREN"]
    assert tuple(part.bins.counts(children)) == part.counts


def test_numbers_are_summed_up_by_a_hundred_points(reference: MonitoringReference) -> None:
    """The rows at or below each point, missing ones left out; the smallest value is no point."""
    values = np.asarray(TRAIN.column("CREDIT_TO_INCOME").drop_null(), np.float64)
    summed = reference.numbers["CREDIT_TO_INCOME"].distribution
    assert summed.rows == len(values)
    assert len(summed.points) <= 100
    assert [int(np.sum(values <= p)) for p in summed.points] == summed.at_or_below.tolist()
    assert summed.points[0] > values.min()


def test_a_reference_of_before_the_points_is_read() -> None:
    """Bundles without them stay usable."""
    older = NumberReference(points=(1.0,), by_value=False, labels=("a", "b", "c"), counts=(4, 5, 1))
    assert (older.distribution.rows, older.distribution.points.size) == (9, 0)


def test_an_unlisted_category_is_no_missing_value() -> None:
    """A text that the catalogue does not know is counted as other."""
    encoding = FeatureEncoding(
        features=(ModelFeature(name="KIND", type="category", categories=("a",)),)
    )
    made = reference_of(encoding, pa.table({"KIND": ["a", "z", None]}), np.array([0.1, 0.2, 0.3]))
    assert made.categories["KIND"].counts == (1, 1, 1)
