from __future__ import annotations

import numpy as np
import pytest

from creditrisk.models.metrics import NotMeasurable
from creditrisk.models.metrics.fairness import rate_ratio


def test_the_ratio_is_of_rates() -> None:
    """30 of 50 against 40 of 50 is three quarters, inside its interval."""
    ratio = rate_ratio((30, 50), (40, 50))
    assert ratio.value == pytest.approx(0.75)
    assert ratio.low < 0.75 < ratio.high


def test_the_interval_covers_the_true_ratio() -> None:
    """About 95 of 100 intervals hold the ratio of the rates that the samples come from."""
    generator = np.random.default_rng(2)
    pairs = zip(
        generator.binomial(80, 0.6, 2_000), generator.binomial(120, 0.75, 2_000), strict=True
    )
    ratios = [rate_ratio((int(a), 80), (int(b), 120)) for a, b in pairs]
    covered = np.mean([ratio.low <= 0.8 <= ratio.high for ratio in ratios])
    assert covered == pytest.approx(0.95, abs=0.02)


def test_a_group_that_is_never_approved_has_an_interval() -> None:
    """A ratio of 0 is measured, and how far it may lie from 0 by chance."""
    ratio = rate_ratio((0, 20), (40, 50))
    assert ratio.value == ratio.low == 0
    assert 0 < ratio.high < 0.5


@pytest.mark.parametrize(
    ("group", "reference", "message"),
    [((0, 0), (1, 2), "a group has no row"), ((1, 2), (0, 5), "reference group has no success")],
)
def test_what_cannot_be_divided_is_not_measured(
    group: tuple[int, int], reference: tuple[int, int], message: str
) -> None:
    """An empty group, or a reference that is never approved, gives no ratio."""
    with pytest.raises(NotMeasurable, match=message):
        rate_ratio(group, reference)
