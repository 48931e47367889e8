"""How a scorecard is learnt: evidence, selection, points."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from simulated_lending import ENCODING, fitted, tables

from creditrisk.core.settings import ScorecardSettings
from creditrisk.models.errors import NoCharacteristics, NotConverged
from creditrisk.models.metrics import roc_auc
from creditrisk.models.scorecard import Scorecard
from creditrisk.models.scorecard_fitting import (
    Candidate,
    Column,
    candidate,
    eliminated,
    fit_scorecard,
    regress,
    trend_of,
    uncorrelated,
)

ROWS = 8_000
COLUMNS = [Column(0, "STRONG", ()), Column(1, "ECHO", ()), Column(2, "WEAK", ())]


def settings(**changes: Any) -> ScorecardSettings:
    return ScorecardSettings.model_validate(changes)


def problem(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A strong column, its noisy echo without knowledge of its own, and a weaker column."""
    generator = np.random.default_rng(seed)
    strong, weak = generator.random((2, ROWS))
    echo = strong + generator.normal(0, 0.15, ROWS)
    target = generator.random(ROWS) < 1 / (1 + np.exp(1 + 3 * strong + 1.5 * weak))
    return np.column_stack([strong, echo, weak]), target.astype(np.int8)


def candidates(chosen: ScorecardSettings, seed: int = 0) -> tuple[list[Candidate], np.ndarray]:
    matrix, target = problem(seed)
    return [candidate(matrix[:, c.position], target, c, chosen) for c in COLUMNS], target


def names(chosen: list[Candidate]) -> list[str]:
    return [each.unweighted.feature for each in chosen]


def learnt(**changes: Any) -> Scorecard:
    matrix, target = problem()
    return fit_scorecard(matrix, target, COLUMNS, settings(**changes))


def test_evidence_is_the_log_of_the_odds_over_the_average_odds() -> None:
    """WoE and information value of a bin follow from its rows and defaults."""
    (strong, *_), target = candidates(settings())
    good, bad = np.sum(target == 0), np.sum(target == 1)
    for place, each in enumerate(strong.unweighted.bins):
        inside = target[strong.positions == place]
        shares = np.sum(inside == 0) / good, np.sum(inside == 1) / bad
        assert each.rows == len(inside)
        assert each.woe == pytest.approx(math.log(shares[0] / shares[1]))
        assert each.information_value == pytest.approx((shares[0] - shares[1]) * each.woe)


def test_few_missing_rows_say_little() -> None:
    """Three missing rows, all in default, are pulled towards the average; a thousand are not."""

    def evidence_of_missing(count: int) -> float:
        matrix, target = problem()
        values = matrix[:, 2].copy()
        values[np.flatnonzero(target == 1)[:count]] = np.nan
        return candidate(values, target, COLUMNS[2], settings()).unweighted.missing.woe

    assert -0.3 < evidence_of_missing(3) < 0
    assert evidence_of_missing(400) < -2


def test_without_missing_rows_a_missing_value_counts_as_average() -> None:
    """Its bin has no rows, no default rate, and no points."""
    missing = learnt().characteristics[0].missing
    assert (missing.rows, missing.default_rate, missing.woe, missing.points) == (0, None, 0, 0)


def test_what_repeats_a_stronger_characteristic_is_left_out() -> None:
    """The one with the higher information value stays."""
    binned, _ = candidates(settings())
    assert names(uncorrelated(binned, settings(max_correlation=0.7))) == ["STRONG", "WEAK"]
    assert len(uncorrelated(binned, settings(max_correlation=1))) == 3


def test_what_adds_nothing_is_eliminated() -> None:
    """Beside the strong column its echo has no significant coefficient."""
    binned, target = candidates(settings())
    kept, regression = eliminated(binned, target, settings(min_wald_z=3))
    assert names(kept) == ["STRONG", "WEAK"]
    assert regression is not None
    assert regression.wald_z.min() >= 3


def test_a_coefficient_that_turns_the_bins_around_is_eliminated() -> None:
    """Evidence of the wrong sign gets a negative coefficient, and goes however strong it is."""
    (strong, _, weak), target = candidates(settings())
    bins = [each.model_copy(update={"woe": -each.woe}) for each in weak.unweighted.all_bins()]
    turned = Candidate(weak.unweighted.with_bins(bins, 1), weak.positions)
    kept, _ = eliminated([strong, turned], target, settings(min_wald_z=0.001))
    assert names(kept) == ["STRONG"]


def test_there_are_no_more_characteristics_than_allowed() -> None:
    """The weakest go first."""
    found = learnt(max_characteristics=1)
    assert [each.feature for each in found.characteristics] == ["STRONG"]


def test_a_feature_under_the_bar_is_left_out() -> None:
    """`min_information_value` counts the information of the bins."""
    values = {each.feature: each.information_value for each in learnt().characteristics}
    bar = values["WEAK"] + 0.01
    kept = learnt(min_information_value=bar).characteristics
    assert [each.feature for each in kept] == ["STRONG"]


def test_a_bar_that_nothing_clears_is_an_error() -> None:
    """A scorecard without characteristics would give everyone the same PD."""
    with pytest.raises(NoCharacteristics, match="none of 3 features"):
        learnt(min_information_value=9)


def test_a_regression_that_does_not_converge_is_refused() -> None:
    """Half-fitted coefficients become no points."""
    with pytest.raises(NotConverged, match="1 iterations"):
        learnt(max_iterations=1)


def test_the_regression_is_maximum_likelihood() -> None:
    """At the optimum the residuals are orthogonal to every column, without a penalty."""
    binned, target = candidates(settings())
    evidence = np.column_stack([each.evidence for each in binned])
    found = regress(evidence, target, 100)
    repaid = 1 / (1 + np.exp(-(found.intercept + evidence @ found.coefficients)))
    residuals = (1 - target) - repaid
    assert abs(residuals.sum()) < 1e-3 * ROWS
    assert np.abs(evidence.T @ residuals).max() < 1e-3 * ROWS


def test_points_are_rounded_coefficients_times_evidence() -> None:
    """20 points double the odds, and no bin is off by more than half a point."""
    for each in learnt().characteristics:
        for one in each.all_bins():
            assert abs(one.points - each.coefficient * one.woe * 20 / math.log(2)) <= 0.5


def test_rounding_to_whole_points_costs_next_to_nothing() -> None:
    """Scores of rounded points rank unseen applicants as those of a hundredfold finer scale do."""
    matrix, target = problem(seed=9)
    fine, whole = learnt(pdo=2_000), learnt(pdo=20)
    finer = roc_auc(target, fine.raw_scores(matrix))
    assert finer > 0.65
    assert roc_auc(target, whole.raw_scores(matrix)) == pytest.approx(finer, abs=0.004)


def test_points_of_a_learnt_scorecard_are_monotone() -> None:
    """From bin to bin of a number, points go one way: the catalogue's where it states one."""
    scorecard = Scorecard.model_validate_json(fitted("scorecard").classifier.model_text_)
    way = {"EXT_SOURCE_2": 1, "CREDIT_TO_INCOME": -1}
    numbers = [each for each in scorecard.characteristics if not each.categories]
    assert {each.feature for each in numbers} >= set(way)
    for each in numbers:
        steps = [after.points - before.points for before, after in pairwise(each.bins)]
        signs = {np.sign(step) for step in steps} - {0}
        assert len(signs) == 1
        assert signs == {way.get(each.feature, next(iter(signs)))}


def test_coefficients_are_positive() -> None:
    """More evidence of repayment never costs points."""
    scorecard = Scorecard.model_validate_json(fitted("scorecard").classifier.model_text_)
    assert all(each.coefficient > 0 for each in scorecard.characteristics)


@pytest.mark.parametrize(
    ("feature", "trend"),
    [
        ("EXT_SOURCE_2", "descending"),
        ("INSTAL_LATE_SHARE", "ascending"),
        ("AMT_CREDIT", "auto_asc_desc"),
        ("NOT_IN_THE_CATALOGUE", "auto_asc_desc"),
    ],
)
def test_the_catalogue_s_direction_is_the_trend(feature: str, trend: str) -> None:
    """Where it states none, the data decide."""
    assert trend_of(feature) == trend


def test_features_are_counted_as_they_are_binned() -> None:
    """A progress bar can follow."""
    matrix, target = problem()
    seen: list[int] = []
    fit_scorecard(matrix, target, COLUMNS, settings(), on_feature=seen.append)
    assert seen == [1, 2, 3]


def test_training_rows_make_up_the_bins() -> None:
    """Rows and default rates of each characteristic add up to the training side."""
    target = tables().train.column("TARGET").to_numpy()
    scorecard = Scorecard.model_validate_json(fitted("scorecard").classifier.model_text_)
    assert scorecard.features == len(ENCODING.names)
    for each in scorecard.characteristics:
        defaults = sum(one.rows * (one.default_rate or 0) for one in each.all_bins())
        assert defaults == pytest.approx(target.sum())
