from __future__ import annotations

from creditrisk.testing.details import AgreementTable
from creditrisk.testing.validation.agreement import compare, compare_numbers


def test_equal_records_agree() -> None:
    """Everything that is named on both sides with the same value agrees."""
    finding = compare({"one": "a", "two": "b"}, {"two": "b", "one": "a"})
    assert (finding.passed, finding.observed) == (True, "2 of 2 agree")


def test_a_name_that_one_side_lacks_disagrees() -> None:
    """Nothing is assumed of what is not recorded, on either side."""
    finding = compare({"one": "a", "two": "b"}, {"two": "b", "three": "c"})
    assert isinstance(finding.details, AgreementTable)
    assert not finding.passed
    rows = {row.name: (row.required, row.seen) for row in finding.details.disagreements}
    assert rows == {"one": ("a", None), "three": (None, "c")}
    assert finding.observed == "1 of 3 agree, not one, three"


def test_nothing_compared_is_no_agreement() -> None:
    """Two empty records prove nothing."""
    assert not compare({}, {}).passed


def test_numbers_agree_within_the_tolerance() -> None:
    """A difference up to the tolerance is none, a larger one is shown with its digits."""
    assert compare_numbers({"auc": 0.75}, {"auc": 0.75 + 1e-10}, 1e-9).passed
    finding = compare_numbers({"auc": 0.75}, {"auc": 0.75 + 1e-8}, 1e-9)
    assert isinstance(finding.details, AgreementTable)
    assert finding.details.disagreements[0].seen == "0.75000001"


def test_a_number_that_is_no_number_disagrees() -> None:
    """NaN is close to nothing, itself included."""
    assert not compare_numbers({"auc": float("nan")}, {"auc": float("nan")}, 1.0).passed
