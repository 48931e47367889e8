from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from creditrisk.core.errors import validation_problems
from creditrisk.core.settings import Settings, SplitShares


def refusal(model: Any, content: dict[str, Any]) -> ValidationError:
    """What Pydantic raises for that content."""
    with pytest.raises(ValidationError) as refused:
        model.model_validate(content)
    return refused.value


def test_each_problem_is_a_line_with_its_place() -> None:
    """A nested field is named from the root; all problems are told, not the first alone."""
    lines = validation_problems(refusal(Settings, {"split": {"seed": -1, "sed": 1}}))
    assert lines == [
        "split.seed: Input should be greater than or equal to 0",
        "split.sed: Extra inputs are not permitted",
    ]


def test_a_problem_of_the_whole_has_no_empty_place() -> None:
    """What no single field is to blame for begins with its reason."""
    (line,) = validation_problems(refusal(SplitShares, {"train": 0.9}))
    assert line.startswith("Value error, train + validation")
