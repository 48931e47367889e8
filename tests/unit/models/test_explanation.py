"""From contributions to reasons."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from creditrisk.models.encoding import ModelFeature
from creditrisk.models.explanation import Explainer, FeatureReference, Reason, ReferencePopulation

NAN = float("nan")
WORDS = {"DEBT": "Debt", "HOME": "Housing situation", "LATE": "Late payments"}
FEATURES = (
    ModelFeature(name="LATE_DAYS", type="integer"),
    ModelFeature(name="LATE_SHARE", type="real"),
    ModelFeature(name="DEBT", type="real"),
    ModelFeature(name="HOME", type="category", categories=("Own", "Rented")),
    ModelFeature(name="AGE", type="real"),
)
ROW = [45.0, 0.5, 900.0, 1.0, 23.0]


def feature(name: str, reason: str | None, unit: str, typical: float | str) -> FeatureReference:
    return FeatureReference(
        name=name,
        label=f"Label of {name}",
        unit=unit,
        reason=reason,
        mean_contribution=0.25,
        typical=typical,
        missing_share=0.1,
    )


REFERENCE = ReferencePopulation(
    side="calibration",
    approve_below=0.1,
    rows=100,
    features=(
        feature("LATE_DAYS", "LATE", "days", 0.0),
        feature("LATE_SHARE", "LATE", "share", 0.0),
        feature("DEBT", "DEBT", "currency", 500.0),
        feature("HOME", "HOME", "category", "Own"),
        feature("AGE", None, "years", 40.0),
    ),
    reasons=WORDS,
)
EXPLAINER = Explainer(REFERENCE, FEATURES)


def reasons(*contributions: float, row: list[float] = ROW, **options: Any) -> list[Reason]:
    """The reasons of one applicant whose contributions exceed the approved mean by so much."""
    excess = np.array([[*contributions, 0.0]])
    return EXPLAINER.reasons(excess + 0.25, np.array([row]), **options)[0]


def test_features_of_one_idea_count_together() -> None:
    """Two small contributions under one code outweigh a larger single one."""
    found = reasons(0.5, 0.25, 0.625, 0, 0)
    assert [(reason.code, reason.log_odds) for reason in found] == [("LATE", 0.75), ("DEBT", 0.625)]


def test_what_speaks_for_the_applicant_is_no_reason() -> None:
    """Only codes that raise the PD beyond the approved are given."""
    assert [reason.code for reason in reasons(0.5, -0.75, 0.125, 0, 0)] == ["DEBT"]
    assert reasons(-0.5, 0, -0.5, -0.5, 0) == []


def test_no_more_reasons_than_asked_for() -> None:
    """The weightiest are kept."""
    assert [reason.code for reason in reasons(3, 0, 1, 2, 0, limit=2)] == ["LATE", "HOME"]


def test_ties_go_by_code() -> None:
    """Reasons of one size come in alphabetical order, so that an applicant always reads the same."""
    assert [reason.code for reason in reasons(1, 0, 1, 1, 0)] == ["DEBT", "HOME", "LATE"]


def test_a_protected_attribute_is_never_named() -> None:
    """It gives no reason however large, yet counts in what speaks against the applicant."""
    found = reasons(0.5, 0, 0, 0, 1.5)
    assert [(reason.code, reason.share) for reason in found] == [("LATE", 0.25)]
    contributions = np.array([[0.5, 0, 0, 0, 1.5, 0], [0.5, 0, 0, 0, -1.5, 0], [0.0] * 6]) + 0.25
    assert EXPLAINER.unnamed_shares(contributions).tolist() == [0.75, 0.0, 0.0]


def test_shares_are_of_all_that_speaks_against_the_applicant() -> None:
    """What speaks for the applicant does not shrink the shares."""
    assert [reason.share for reason in reasons(3, 0, 1, -2, 0)] == [0.75, 0.25]


def test_the_feature_that_matters_most_is_shown() -> None:
    """The leading feature of the idea comes with its value and that of the approved."""
    found = reasons(0.1, 0.5, 0, 0, 0)[0]
    assert (found.feature, found.label, found.value) == (
        "LATE_SHARE",
        "Label of LATE_SHARE",
        "50 %",
    )
    assert found.sentence == (
        "Late payments. Label of LATE_SHARE: "
        "higher than for approved applicants: 50 % against a median of 0 %"
    )


@pytest.mark.parametrize(
    ("code", "value", "direction"), [(1.0, "Rented", "different"), (NAN, "not given", "missing")]
)
def test_a_category_is_shown_by_its_name(code: float, value: str, direction: str) -> None:
    """An encoded category is read back, an unknown one is told as such."""
    found = reasons(0, 0, 0, 1, 0, row=[0, 0, 0, code, 0])[0]
    assert (found.value, found.direction) == (value, direction)


def test_nobody_has_no_reasons() -> None:
    """An empty batch is explained as nothing."""
    assert EXPLAINER.reasons(np.empty((0, 6)), np.empty((0, 5))) == []


def test_reasons_do_not_depend_on_the_other_rows() -> None:
    """Among many and alone, a row has the same reasons to the last bit."""
    generator = np.random.default_rng(0)
    contributions = generator.normal(size=(500, 6))
    matrix = np.tile(ROW, (500, 1))
    together = EXPLAINER.reasons(contributions, matrix)
    for row in range(50):
        one = slice(row, row + 1)
        assert EXPLAINER.reasons(contributions[one], matrix[one]) == together[row : row + 1]


def test_a_model_of_protected_attributes_alone_gives_no_reasons() -> None:
    """Where nothing may be named, nothing is."""
    unnamed = REFERENCE.model_copy(update={"features": (REFERENCE.features[4],), "reasons": {}})
    explainer = Explainer(unnamed, FEATURES[4:])
    assert explainer.reasons(np.array([[2.0, 0.0]]), np.array([[20.0]])) == [[]]
