from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from metric_samples import few, samples
from sklearn import metrics as sklearn_metrics

from creditrisk.models import metrics

if TYPE_CHECKING:
    import numpy as np


@few
@given(samples())
def test_confusion_agrees_with_sklearn(sample: tuple[np.ndarray, np.ndarray]) -> None:
    """Counts, precision, recall and F1 at a threshold are sklearn's; the threshold is a default."""
    target, pd = sample
    found = metrics.confusion_at(target, pd, 0.5)
    predicted = pd >= 0.5
    expected = sklearn_metrics.confusion_matrix(target, predicted, labels=[0, 1]).ravel()
    counts = (
        found.true_negatives, found.false_positives, found.false_negatives, found.true_positives
    )  # fmt: skip
    assert counts == tuple(expected)
    assert found.f1 == pytest.approx(sklearn_metrics.f1_score(target, predicted))
    assert found.recall == pytest.approx(sklearn_metrics.recall_score(target, predicted))
    if predicted.any():
        expected_precision = sklearn_metrics.precision_score(target, predicted)
        assert found.precision == pytest.approx(expected_precision)


def test_precision_without_a_predicted_default_is_none() -> None:
    """Nothing predicted means no precision, not a precision of zero."""
    confusion = metrics.confusion_at([0, 1], [0.1, 0.2], 0.5)
    assert (confusion.precision, confusion.recall, confusion.f1) == (None, 0, 0)
