"""The training side in counts."""

from __future__ import annotations

import numpy as np
import pytest
from simulated_lending import fitted, tables

from creditrisk.mlops.monitoring_reference import MonitoringReference, monitoring_reference
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
