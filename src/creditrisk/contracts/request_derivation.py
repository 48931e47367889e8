"""The contract of requests, derived from the Pandera contracts when a model is sealed."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from creditrisk.contracts.compilation import Compilation
from creditrisk.contracts.conditions import ColumnCell, Constant, Operation
from creditrisk.contracts.raw_rules import RAW_RULES
from creditrisk.contracts.request_contract import (
    APPLICATION,
    KEY_PREFIX,
    PARENTS,
    Categories,
    ColumnRule,
    GroupsRule,
    NotNull,
    Range,
    RequestColumn,
    RequestContract,
    RequestTable,
    RowsRule,
)
from creditrisk.contracts.rules import ReferenceRule, Rule
from creditrisk.contracts.schemas import feature_schema, payload_schemas, rule_names
from creditrisk.contracts.tables import TARGET, Column, ColumnType, raw_tables
from creditrisk.contracts.translation import UntranslatableRule, translated
from creditrisk.core.errors import CreditRiskError

if TYPE_CHECKING:
    from ibis.expr import types as ir
    from pandera.ibis import DataFrameSchema

_TYPES: Mapping[str, ColumnType] = {"int64": "integer", "float64": "real", "string": "category"}


class UncoveredRules(CreditRiskError):
    """Rules of the contracts that no request is checked by, for no reason that is known."""

    def __init__(self, rules: Sequence[str]) -> None:
        self.rules = tuple(rules)
        super().__init__(
            f"The contract of requests cannot be sealed: {', '.join(rules)} are neither checked "
            "nor listed as inapplicable in contracts/request_derivation.py."
        )


def derived_contract(
    features: Sequence[Column],
    feature_inputs: Collection[tuple[str, str]],
    relaxed_rules: Mapping[str, str],
    descriptions: Mapping[str, str],
) -> RequestContract:
    """The contract of requests that the Pandera contracts state.

    Args:
        features: the columns of the feature table, without key and outcome.
        feature_inputs: the raw (table, column) pairs that some feature reads.
        relaxed_rules: rules that refuse nothing, each with the reason.
        descriptions: what columns mean, by `table.column`.

    Raises:
        UntranslatableRule: a rule uses an operator that conditions lack.
        UncoveredRules: a rule is neither derived nor known to be inapplicable.
    """
    schemas = payload_schemas(feature_inputs)
    row = feature_schema(features, labelled=False)
    tables = [
        _Derivation(schemas[name], relaxed_rules, descriptions) for name in (APPLICATION, *PARENTS)
    ]
    contract = RequestContract(
        tables=tuple(table.derived() for table in tables),
        features=_Derivation(row, relaxed_rules, descriptions).derived(),
        inapplicable=_inapplicable(rule_names(features)),
        example=example_applications(),
    )
    _check_coverage(contract, rule_names(features))
    return contract


def example_applications() -> dict[str, Any]:
    """A body of made-up applications; no row in it is a person's."""
    text = files("creditrisk.contracts").joinpath("example_application.json").read_text("utf-8")
    example: dict[str, Any] = json.loads(text)
    return example


class _Derivation:
    """One table's part of the contract from its Pandera schema."""

    def __init__(
        self,
        schema: DataFrameSchema,
        relaxed_rules: Mapping[str, str],
        descriptions: Mapping[str, str],
    ) -> None:
        self._schema = schema
        self._compilation = Compilation(schema, (), schema.name, parents={})
        self._relaxed = relaxed_rules
        self._descriptions = descriptions

    def derived(self) -> RequestTable:
        name = str(self._schema.name)
        return RequestTable(
            name=name,
            parent=PARENTS.get(name),
            inherited=_inherited(name),
            columns=tuple(self._columns()),
            row_rules=tuple(self._row_rules()),
            group_rules=tuple(self._group_rules()),
        )

    def _columns(self) -> Iterator[RequestColumn]:
        rules: dict[str, list[ColumnRule]] = {name: [] for name in self._schema.columns}
        for rule, kept in self._compilation.column_conditions():
            rules[rule.columns[0]].append(_column_rule(self._facts(rule), rule, kept))
        for name, column in self._schema.columns.items():
            yield RequestColumn(
                name=name,
                type=_TYPES[str(column.dtype)],
                description=self._descriptions.get(f"{self._schema.name}.{name}"),
                rules=tuple(rules[name]),
            )

    def _row_rules(self) -> Iterator[RowsRule]:
        for rule, kept in self._compilation.row_conditions():
            condition = translated(rule.id, kept)
            yield RowsRule(columns=rule.columns, condition=condition, **self._facts(rule))

    def _group_rules(self) -> Iterator[GroupsRule]:
        for rule, kept in self._compilation.group_conditions():
            condition = translated(rule.id, kept)
            facts = self._facts(rule)
            yield GroupsRule(columns=rule.columns, key=rule.key, condition=condition, **facts)

    def _facts(self, rule: Rule) -> dict[str, Any]:
        relaxed = None if _is_about_a_key(rule) else self._relaxed.get(rule.id)
        return {
            "id": rule.id,
            "level": "warning" if relaxed else rule.level,
            "description": rule.description,
            "relaxed_because": relaxed,
        }


def _is_about_a_key(rule: Rule) -> bool:
    """Whether the rule says what a row's id is; no applicant without one can be answered."""
    return rule.columns[0].startswith(KEY_PREFIX) and rule.id.endswith((".not_null", ".range"))


def _column_rule(facts: Mapping[str, Any], rule: Rule, kept: ir.BooleanValue) -> ColumnRule:
    """The rule of a column's cells that a condition of one of three forms states."""
    column = ColumnCell(column=rule.columns[0])
    match translated(rule.id, kept):
        case Operation(operator="not_null", operands=(cell,)) if cell == column:
            return NotNull(**facts)
        case Operation(
            operator="between",
            operands=(
                cell,
                Constant(value=int() | float() as low),
                Constant(value=int() | float() as high),
            ),
        ) if cell == column:
            return Range(minimum=low, maximum=high, **facts)
        case Operation(operator="is_in", operands=(cell, *texts)) if cell == column:
            categories = tuple(str(text.value) for text in texts if isinstance(text, Constant))
            return Categories(categories=categories, **facts)
        case other:
            raise UntranslatableRule(rule.id, getattr(other, "operator", "none"))


def _inherited(table: str) -> tuple[str, ...]:
    """The keys that the parent's row has too."""
    if table not in PARENTS:
        return ()
    names = raw_tables()[PARENTS[table]].column_names
    shared = raw_tables()[table].column_names
    return tuple(name for name in shared if name.startswith(KEY_PREFIX) and name in names)


def _inapplicable(rules: Iterable[str]) -> dict[str, str]:
    """The rules that no request can break, each with the reason."""
    references = {
        rule.id for rules in RAW_RULES.values() for rule in rules if isinstance(rule, ReferenceRule)
    }
    found: dict[str, str] = {}
    for rule in rules:
        if rule in references:
            found[rule] = "a row is nested in its parent"
        elif f".{TARGET}." in rule:
            found[rule] = "a request has no outcome"
        elif rule.startswith("splits."):
            found[rule] = "a request is no side of a split"
    return found


def _check_coverage(contract: RequestContract, rules: Iterable[str]) -> None:
    tables = (*contract.tables, contract.features)
    checked = {rule.id for table in tables for rule in table.rules}
    checked |= {table.columns_rule for table in tables}
    uncovered = sorted(set(rules) - checked - set(contract.inapplicable))
    if uncovered:
        raise UncoveredRules(uncovered)
