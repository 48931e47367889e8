"""The evaluator of expressions that the player relies on, against GitHub's documented rules."""

from __future__ import annotations

import pytest
from github_expressions import NotPlayable, calls_status_function, evaluate, filled_in, is_true

CONTEXTS = {"vars": {"REGION": "eu"}, "secrets": {}, "github": {"event": {"private": True}}}
FUNCTIONS = {"always": lambda: True}
VALUES = {
    "vars.REGION != ''": True,
    "vars.ABSENT != ''": False,
    "vars.ABSENT.deeper == null": True,
    "secrets.KEY != '' || vars.REGION": "eu",
    "vars.REGION && secrets.KEY": None,
    "'EU' == vars.REGION": True,
    "true == 'true'": False,
    "!github.event.private": False,
    "!(vars.REGION == 'eu') || always()": True,
    "vars.REGION == 'us' && 1 || 0": 0,
    "'it''s'": "it's",
}


@pytest.mark.parametrize("expression", VALUES)
def test_values(expression: str) -> None:
    """Operators give operands back, texts are compared without case, what is absent is null."""
    value = evaluate(expression, CONTEXTS, FUNCTIONS)
    assert value == VALUES[expression]
    assert type(value) is type(VALUES[expression])


@pytest.mark.parametrize(
    "expression", ["matrix.python", "contains('a', 'b')", "hashFiles()", "1 +", "(1", "1 2"]
)
def test_what_is_not_known_is_refused(expression: str) -> None:
    """Nothing is guessed: a workflow that uses more makes its test fail."""
    with pytest.raises(NotPlayable):
        evaluate(expression, CONTEXTS, FUNCTIONS)


def test_filling_in() -> None:
    """Booleans are written as words, null as nothing."""
    text = "${{ vars.REGION != '' }}-${{ secrets.KEY }}-${{ vars.REGION }}"
    assert filled_in(text, CONTEXTS, {}) == "true--eu"
    assert filled_in(True, CONTEXTS, {}) == "true"  # noqa: FBT003  a value of the workflow


def test_truth() -> None:
    """The text 'false' is true; the empty text is not."""
    assert is_true("false")
    assert not is_true("")


def test_success_is_meant_unless_a_status_is_asked() -> None:
    """`if: always()` speaks of failures, a bare comparison does not."""
    assert calls_status_function("always() && vars.REGION == 'eu'")
    assert not calls_status_function("vars.REGION == 'eu'")
