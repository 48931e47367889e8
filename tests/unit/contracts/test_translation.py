"""Only what a condition can state is translated; anything else stops the sealing of a model."""

from __future__ import annotations

from typing import Any

import ibis
import pytest

from creditrisk.contracts.conditions import ColumnCell, Constant, Operation
from creditrisk.contracts.translation import UntranslatableRule, translated

ROWS = ibis.table({"A": "int64", "B": "float64", "C": "string"}, name="rows")


def test_an_expression_becomes_the_condition_it_states() -> None:
    """Columns, constants and operators stand where they stood."""
    condition = translated("a.rule", ROWS.A > 5)
    column, five = ColumnCell(column="A"), Constant(value=5)
    assert condition == Operation(operator="greater", operands=(column, five))


def test_a_cast_between_integers_says_nothing() -> None:
    """All integers of a condition have 64 bits."""
    assert translated("a.rule", ROWS.A.cast("int32") == 1) == translated("a.rule", ROWS.A == 1)


@pytest.mark.parametrize(
    "expression",
    [
        ROWS.A * 2 == 4,
        ROWS.C.upper() == "X",
        ROWS.B.cast("int64") == 1,
        ROWS.A.sum(where=ROWS.A > 0) == 1,
        ROWS.A.count(where=ROWS.A > 0) == 1,
    ],
    ids=["product", "function", "rounding cast", "conditional sum", "conditional count"],
)
def test_what_has_no_counterpart_is_refused(expression: Any) -> None:
    """A rule that requests cannot be checked by is an error that names it, never left out."""
    with pytest.raises(UntranslatableRule, match=r"Rule a\.rule cannot be sealed"):
        translated("a.rule", expression)
