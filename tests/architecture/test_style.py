"""Style rules that no linter has."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
TEST_MODULES = sorted(TESTS.rglob("test_*.py"))


@pytest.mark.parametrize("module", TEST_MODULES, ids=lambda path: str(path.relative_to(TESTS)))
def test_each_test_states_its_rule(module: Path) -> None:
    """A test's docstring states the rule it holds."""
    tree = ast.parse(module.read_text(encoding="utf-8"))
    silent = [
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        and node.name.startswith("test_")
        and not ast.get_docstring(node)
    ]
    assert not silent


def test_a_builder_s_name_stands_once() -> None:
    """Tests import builders by their bare name, so that two of one name would hide each other."""
    builders = [path for path in TESTS.rglob("*.py") if path not in TEST_MODULES]
    names = Counter(path.name for path in builders if path.name != "conftest.py")
    assert not [name for name, count in names.items() if count > 1]
