"""The logistic model's terms."""

from __future__ import annotations

import numpy as np
import pytest

from creditrisk.models.linear import CategoryTerm, LinearModel, NumberTerm

NAN = float("nan")
NUMBER = NumberTerm(lower=0, upper=10, median=4, mean=5, scale=2, weight=3)
CATEGORY = CategoryTerm(weights=(0.5, -0.25), missing=0.125)


@pytest.mark.parametrize(
    ("value", "contribution"), [(7, 3.0), (5, 0.0), (NAN, -1.5), (-99, -7.5), (1e12, 7.5)]
)
def test_a_number_is_imputed_bounded_and_standardised(value: float, contribution: float) -> None:
    """Missing counts as the median, an outlier as the nearer bound."""
    assert NUMBER.contribution(np.array([value])).tolist() == [contribution]


@pytest.mark.parametrize(("code", "contribution"), [(0, 0.5), (1, -0.25), (NAN, 0.125)])
def test_a_category_has_its_own_weight(code: float, contribution: float) -> None:
    """Each code has a weight, and so has a missing category."""
    assert CATEGORY.contribution(np.array([code])).tolist() == [contribution]


def test_the_score_is_the_sum_of_its_terms() -> None:
    """The log-odds are the intercept and one contribution per column."""
    model = LinearModel(intercept=-1, terms=(NUMBER, CATEGORY))
    assert model.raw_scores(np.array([[7, 0], [NAN, NAN]])).tolist() == [2.5, -2.375]


def test_contributions_are_the_terms() -> None:
    """Each column is its term's log-odds, the last the intercept."""
    model = LinearModel(intercept=-1, terms=(NUMBER, CATEGORY))
    rows = np.array([[7, 0], [NAN, NAN]])
    assert model.contributions(rows).tolist() == [[3.0, 0.5, -1.0], [-1.5, 0.125, -1.0]]


def test_a_row_s_score_does_not_depend_on_the_others() -> None:
    """Scored alone or among many, a row has the same bits."""
    rows = np.random.default_rng(0).normal(5, 3, (1000, 6))
    weights = np.random.default_rng(1).normal(size=6)
    terms = tuple(NUMBER.model_copy(update={"weight": float(w)}) for w in weights)
    model = LinearModel(intercept=0.1, terms=terms)
    alone = [model.raw_scores(rows[i : i + 1])[0] for i in range(100)]
    assert model.raw_scores(rows)[:100].tolist() == alone
