from __future__ import annotations

import pyarrow as pa
import pytest

from creditrisk.core.settings import ProtectedAttribute
from creditrisk.models.metrics import NotMeasurable
from creditrisk.testing.validation.groups import by_attribute, segments

TABLE = pa.table(
    {
        "CODE_GENDER": ["F", None, "M", "F"],
        "AGE_YEARS": [29.99, 30.0, 61.0, None],
        "AMT_INCOME_TOTAL": [100.0, 200.0, None, 400.0],
        "NAME_CONTRACT_TYPE": ["Cash loans", "Revolving loans", "Cash loans", "Cash loans"],
        "BUREAU_N_ACTIVE": [0, None, 2, 1],
    }
)


def groups_of(attribute: ProtectedAttribute) -> list[str]:
    """The group of each applicant."""
    grouping = by_attribute(TABLE, "attribute", attribute)
    return [grouping.groups[place] for place in grouping.places]


def test_a_category_gives_a_group_a_value() -> None:
    """An applicant whose value is missing has a group too."""
    assert groups_of(ProtectedAttribute(column="CODE_GENDER")) == ["F", "not known", "M", "F"]


def test_bounds_cut_a_number_into_bands() -> None:
    """A bound belongs to the band above it."""
    assert groups_of(ProtectedAttribute(column="AGE_YEARS", bounds=[30, 60])) == [
        "below 30",
        "30 to below 60",
        "60 and over",
        "not known",
    ]


def test_a_column_that_is_not_there_is_not_measured() -> None:
    """Fairness about an unknown attribute is not assumed."""
    with pytest.raises(NotMeasurable, match="no column NAME_FAMILY_STATUS"):
        by_attribute(TABLE, "family status", ProtectedAttribute(column="NAME_FAMILY_STATUS"))


def test_segments_part_all_applicants() -> None:
    """Product, age, income quarter, and whether a credit bureau knows the applicant."""
    found = {grouping.attribute: grouping for grouping in segments(TABLE)}
    shown = {
        name: [grouping.groups[place] for place in grouping.places]
        for name, grouping in found.items()
    }
    assert shown["income quarter"] == ["lowest", "second", "not known", "third"]
    assert shown["credit bureau"] == ["has a record", "no record", "has a record", "has a record"]
    assert shown["contract type"][1] == "Revolving loans"
    assert shown["age"] == ["below 30", "30 to below 40", "60 and over", "not known"]
