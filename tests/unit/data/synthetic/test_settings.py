"""The generator's settings."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from creditrisk.core.settings import ScenarioSettings, SyntheticSettings


def test_month_has_a_tenth_of_the_applicants() -> None:
    """Unless a number is given, and never nobody."""
    assert SyntheticSettings(applicants=3_000).applicants_each_month == 300
    assert SyntheticSettings(applicants=3).applicants_each_month == 1
    assert SyntheticSettings(month_applicants=7).applicants_each_month == 7


def test_scenario_that_changes_nothing_is_refused() -> None:
    """A scenario needs a production month in which it holds."""
    with pytest.raises(ValidationError, match="it would change nothing"):
        SyntheticSettings(months=2, scenario=ScenarioSettings(kind="prior", from_month=3))
