"""The scorecard as data: points, scores, contributions, and the table that a person applies."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from simulated_lending import ENCODING, fitted, unseen

from creditrisk.models.encoding import Matrix
from creditrisk.models.scorecard import (
    Bin,
    Characteristic,
    Scaling,
    Scorecard,
    number_label,
)
from creditrisk.models.serving import SCORECARD_TABLE_FILE, serving_files

NAN = float("nan")
SCALING = Scaling(pdo=20, base_points=600, base_odds=50)


def a_bin(points: int, **fields: Any) -> Bin:
    figures = {"rows": 10, "default_rate": 0.1, "woe": 0.0, "information_value": 0.0}
    return Bin(label="a bin", points=points, **{**figures, **fields})


def characteristic(column: int, categories: int, *bins: Bin, missing: int) -> Characteristic:
    return Characteristic(
        feature=f"FEATURE_{column}",
        column=column,
        categories=categories,
        coefficient=1,
        information_value=0.1,
        bins=bins,
        missing=a_bin(missing),
    )


NUMBER = characteristic(
    2, 0, a_bin(-5, upper=0.25), a_bin(1, lower=0.25, upper=3), a_bin(9, lower=3), missing=-2
)
CATEGORY = characteristic(0, 4, a_bin(7, codes=(0, 3)), a_bin(-7, codes=(1,)), missing=4)
SCORECARD = Scorecard(
    features=3, scaling=SCALING, start_points=550, characteristics=(NUMBER, CATEGORY)
)


@cache
def learnt() -> Scorecard:
    return Scorecard.model_validate_json(fitted("scorecard").classifier.model_text_)


def matrix() -> Matrix:
    return ENCODING.encode(unseen())


@pytest.mark.parametrize(
    ("value", "points"),
    [(-1e9, -5), (0.2499, -5), (0.25, 1), (2.999, 1), (3, 9), (1e9, 9), (NAN, -2)],
)
def test_a_number_belongs_to_the_bin_whose_lower_bound_it_reaches(
    value: float, points: int
) -> None:
    """The lower bound is inside, the upper one outside; a missing value has its own bin."""
    assert NUMBER.points(np.array([value])).tolist() == [points]


@pytest.mark.parametrize(("code", "points"), [(0, 7), (3, 7), (1, -7), (2, 4), (NAN, 4)])
def test_a_category_outside_every_bin_counts_as_missing(code: float, points: int) -> None:
    """Code 2 had no training rows, NaN is missing or unlisted."""
    assert CATEGORY.points(np.array([code])).tolist() == [points]


def test_the_score_is_a_sum_of_whole_points() -> None:
    """The start, and one bin of each characteristic; columns that no characteristic reads add none."""
    rows = np.array([[0, 99.0, 3.0], [NAN, NAN, NAN]])
    assert SCORECARD.points(rows).tolist() == [550 + 9 + 7, 550 - 2 + 4]


@pytest.mark.parametrize(("points", "odds"), [(600, 50), (620, 100), (580, 25)])
def test_pdo_points_double_the_odds(points: int, odds: float) -> None:
    """`base_points` stand for good:bad odds of `base_odds`."""
    assert SCALING.log_odds(np.array([points]))[0] == pytest.approx(-math.log(odds))


def test_the_raw_score_is_the_points_and_nothing_else() -> None:
    """Two applicants with the same points have the same raw score, more points a lower one."""
    scores, points = learnt().raw_scores(matrix()), learnt().points(matrix())
    assert np.array_equal(scores, learnt().scaling.log_odds(points))
    assert len(np.unique(points)) > 20
    assert np.all(np.diff(scores[np.argsort(points, kind="stable")]) <= 0)


def test_a_row_s_score_does_not_depend_on_the_others() -> None:
    """Scored alone or among many, a row has the same bits, at any number of threads."""
    rows = matrix()[:200]
    alone = [learnt().raw_scores(rows[i : i + 1], threads=2)[0] for i in range(len(rows))]
    assert learnt().raw_scores(rows).tolist() == alone


def test_contributions_add_up_to_the_raw_score() -> None:
    """One column a feature, the start last."""
    parts = learnt().contributions(matrix())
    assert parts.shape == (unseen().num_rows, len(ENCODING.names) + 1)
    assert np.abs(parts.sum(axis=1) - learnt().raw_scores(matrix())).max() < 1e-9


def test_a_feature_outside_the_scorecard_contributes_nothing() -> None:
    """Its column is zero, and changing its value changes no score."""
    parts = SCORECARD.contributions(np.array([[0, 99.0, 3.0], [1, -99.0, 0.0]]))
    assert parts[:, 1].tolist() == [0, 0]
    assert parts[0, 2] == pytest.approx(-9 * math.log(2) / 20)


def test_a_scorecard_is_the_same_after_writing_and_reading() -> None:
    """Its JSON holds all of it."""
    assert Scorecard.model_validate_json(learnt().model_dump_json()) == learnt()


def points_by_hand(table: str, applicant: Mapping[str, Any]) -> int:
    """What a person does: read the printed table line by line, and add up."""
    total, decided = 0, set()
    for row in csv.DictReader(io.StringIO(table)):
        name, label = row["characteristic"], row["bin"]
        applies = name == "Start" or (
            name not in decided and label_fits(label, applicant.get(name))
        )
        if applies:
            total += int(row["points"])
            decided.add(name)
    return total


def label_fits(label: str, value: float | str | None) -> bool:
    """Whether a value is what the words of a bin say; the bin of other categories stands last."""
    if label.startswith("missing"):
        return value is None or label == "missing or any other"
    if value is None or isinstance(value, str):
        return value in label.split("; ")
    words = label.split()
    if words[0] == "below":
        return value < float(words[1])
    if words[-1] == "over":
        return value >= float(words[0])
    return label == "any value" or float(words[0]) <= value < float(words[3])


def test_a_person_with_the_table_gets_the_machine_s_score() -> None:
    """The CSV of the bundle, read by its words alone, gives every applicant the same points."""
    classifier = fitted("scorecard").classifier
    files = serving_files("scorecard", ENCODING, classifier.calibration, classifier.model_text_)
    table = files[SCORECARD_TABLE_FILE].decode()
    applicants = unseen().slice(0, 2_000).to_pylist()
    by_hand = [points_by_hand(table, applicant) for applicant in applicants]
    assert by_hand == learnt().points(matrix()[:2_000]).tolist()
    assert len(set(by_hand)) > 20


def test_an_unlisted_category_is_scored_by_hand_as_by_the_machine() -> None:
    """Words that no bin names belong to the last one."""
    rows = unseen().slice(0, 1).to_pylist()
    rows[0] |= {"NAME_INCOME_TYPE": "Astronaut"}
    encoded = ENCODING.encode(pa.Table.from_pylist(rows))
    assert points_by_hand(learnt().table_csv(), rows[0]) == learnt().points(encoded)[0]


def test_the_table_lists_every_bin_with_its_figures() -> None:
    """The rows of the bins of a characteristic are all training rows."""
    rows = learnt().table()
    assert rows[0].points == learnt().start_points
    for each in learnt().characteristics:
        bins = [row for row in rows if row.characteristic == each.feature]
        assert len(bins) == len(each.bins) + 1
        assert sum(row.rows or 0 for row in bins) == 6_000


@pytest.mark.parametrize(
    ("lower", "upper", "words"),
    [
        (None, 0.25, "below 0.25"),
        (0.25, 1350000.0, "0.25 to below 1350000"),
        (-1e-7, None, "-0.0000001 and over"),
        (None, None, "any value"),
    ],
)
def test_a_bin_is_named_by_exact_digits(
    lower: float | None, upper: float | None, words: str
) -> None:
    """No exponent and no rounding: what is printed is what the machine compares with."""
    assert number_label(lower, upper) == words
