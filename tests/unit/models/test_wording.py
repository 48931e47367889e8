"""Values and comparisons in words."""

from __future__ import annotations

import re

import pytest

from creditrisk.features.catalogue import load_catalogue
from creditrisk.models.wording import Value, compared, direction_of, shown

NAN = float("nan")


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, "years", "not given"),
        (NAN, "currency", "not given"),
        (1.0, "flag", "yes"),
        (0.0, "flag", "no"),
        ("Y", "category", "yes"),
        ("Working", "category", "Working"),
        (0.1234, "share", "12.3 %"),
        (135000.4, "currency", "135,000"),
        (0.10347, "score 0 to 1", "0.103"),
        (2.0, "rating 1 to 3", "2"),
        (0.0517, "ratio", "0.0517"),
        (3e12, "ratio", "above 1,000,000"),
        (-3e12, "ratio", "below -1,000,000"),
        (4.87, "years", "4.9 years"),
        (1.0, "days", "1 day"),
        (1.0, "children", "1 child"),
        (1.0, "enquiries", "1 enquiry"),
        (3.0, "credits", "3 credits"),
        (4.26, "days", "4.3 days"),
        (-1200.0, "days from application", "1,200 days before the application"),
        (1.0, "days from application", "1 day after the application"),
        (365243.0, "days from application", "no such day"),
    ],
)
def test_a_value_is_shown_with_its_unit(value: Value, unit: str, text: str) -> None:
    """A person reads a value as a person would write it."""
    assert shown(value, unit) == text


@pytest.mark.parametrize(
    ("value", "typical", "unit", "direction"),
    [
        (2.0, 1.0, "days", "higher"),
        (1.0, 2.0, "days", "lower"),
        (2.0, 2.0, "days", "same"),
        (NAN, 2.0, "days", "missing"),
        (None, "Married", "category", "missing"),
        ("Widow", "Married", "category", "different"),
        (1.0, 0.0, "flag", "different"),
        (1.0, None, "days", "different"),
    ],
)
def test_the_direction_is_that_of_the_value(
    value: Value, typical: Value, unit: str, direction: str
) -> None:
    """Numbers lie higher or lower, categories and flags differ, unknown values are missing."""
    assert direction_of(value, typical, unit) == direction


@pytest.mark.parametrize(
    ("value", "typical", "unit", "text"),
    [
        (45.0, 3.0, "days", "higher than for approved applicants: 45 days against a median of 3"),
        (
            -90.0,
            -4000.0,
            "days from application",
            "more recent than for approved applicants: 90 days before the application against",
        ),
        (-4000.0, -90.0, "days from application", "longer ago than for approved applicants"),
        ("Rented apartment", "House", "category", "Rented apartment, theirs is House"),
        (1.0, 0.0, "flag", "other than for most approved applicants: yes, theirs is no"),
        (None, 0.55, "score 0 to 1", "given by 90 % of approved applicants, with a median of 0.55"),
        (None, "House", "category", "given by 90 % of approved applicants, mostly House"),
        (2.0, 2.0, "days", "equal to the median of approved applicants: 2 days"),
        (0.0, 0.0, "flag", "as for most approved applicants: no"),
        ("House", "House", "category", "as for most approved applicants: House"),
        (2.0, None, "days", "2 days; no approved applicant has it"),
    ],
)
def test_a_value_is_compared_with_those_of_the_approved(
    value: Value, typical: Value, unit: str, text: str
) -> None:
    """The applicant reads both values and where the own one lies."""
    assert text in compared(value, typical, unit, missing_share=0.1)


@pytest.mark.parametrize("unit", sorted({f.unit for f in load_catalogue() if f.type != "category"}))
def test_every_unit_of_the_catalogue_reads_well(unit: str) -> None:
    """No value shows an exponent, and one of something is singular."""
    texts = [shown(value, unit) for value in (0.0, 1.0, 1e-7, 0.05, -3.0, 1234.5, 123456.0)]
    assert not [text for text in texts if "e+" in text or "e-" in text]
    assert not re.fullmatch(r"1 .*(s|ren|people)", texts[1])
