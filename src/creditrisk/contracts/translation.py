"""Ibis expressions as conditions that need no Ibis."""

from __future__ import annotations

from collections.abc import Mapping
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from creditrisk.contracts.conditions import ColumnCell, Condition, Constant, Operation, Operator
from creditrisk.core.errors import CreditRiskError

if TYPE_CHECKING:
    from ibis.expr import types as ir

# By the name of Ibis' class. Casts are between integers that all fit 64 bits.
_OPERATORS: Mapping[str, Operator] = {
    "Equals": "equal",
    "NotEquals": "not_equal",
    "Less": "less",
    "LessEqual": "less_equal",
    "Greater": "greater",
    "GreaterEqual": "greater_equal",
    "Between": "between",
    "InValues": "is_in",
    "And": "and",
    "Or": "or",
    "Not": "not",
    "IsNull": "is_null",
    "NotNull": "not_null",
    "Coalesce": "coalesce",
    "IfElse": "if_else",
    "Negate": "negate",
    "Add": "add",
    "Subtract": "subtract",
    "BitwiseLeftShift": "shift_left",
    "bit_count": "bit_count",
    "CountStar": "count",
    "Sum": "sum",
    "Min": "least",
    "Max": "greatest",
    "BitOr": "bit_or",
}


class UntranslatableRule(CreditRiskError):
    """A rule uses an operator that a request cannot be checked by yet."""

    def __init__(self, rule: str, operator: str) -> None:
        self.operator = operator
        super().__init__(
            f"Rule {rule} cannot be sealed for requests: its operator {operator} has no "
            "counterpart in contracts/conditions.py. Add one, or write the rule without it."
        )


def translated(rule: str, expression: ir.Value) -> Condition:
    """The condition that an Ibis expression states.

    Raises:
        UntranslatableRule: it uses an operator that conditions lack.
    """
    return _translated(rule, expression.op())


def _translated(rule: str, node: Any) -> Condition:
    from ibis.expr import operations as ops

    if isinstance(node, ops.Field):
        return ColumnCell(column=node.name)
    if isinstance(node, ops.Literal):
        return Constant(value=node.value)
    if isinstance(node, ops.Cast) and node.to.is_integer() and node.arg.dtype.is_integer():
        return _translated(rule, node.arg)
    if isinstance(node, ops.CountStar) and node.where is None:
        return Operation(operator="count")
    return Operation(
        operator=_operator(rule, node),
        operands=tuple(_translated(rule, operand) for operand in _operands(rule, node)),
    )


def _operator(rule: str, node: Any) -> Operator:
    name = getattr(node, "__func_name__", type(node).__name__)
    if name not in _OPERATORS:
        raise UntranslatableRule(rule, name)
    return _OPERATORS[name]


def _operands(rule: str, node: Any) -> list[Any]:
    """What the operator works on; an aggregate over some rows only is not known here."""
    from ibis.expr import operations as ops

    if getattr(node, "where", None) is not None:
        raise UntranslatableRule(rule, f"{type(node).__name__} with a condition")
    operands: list[Any] = []
    for argument in node.args:
        operands.extend(argument if isinstance(argument, tuple) else [argument])
    known = [operand for operand in operands if operand is not None]
    if isinstance(node, ops.InValues):  # Pandera keeps the choices in a set, whose order varies
        return [known[0], *sorted(known[1:], key=attrgetter("value"))]
    return known
