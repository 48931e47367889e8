"""Pandera schemas of raw tables, feature tables, splits and payloads, built from column facts.

Pandera's Ibis backend ignores `Column(unique=True)` and names no rule of its own, so uniqueness is
a table rule here and every check carries its rule's id.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from creditrisk.contracts.raw_rules import RAW_RULES
from creditrisk.contracts.rules import GroupRule, ReferenceRule, RowRule
from creditrisk.contracts.tables import (
    APPLICANT_KEY,
    TARGET,
    Column,
    ColumnType,
    RawTable,
    raw_tables,
    without_target,
)

if TYPE_CHECKING:
    from pandera.ibis import Check, DataFrameSchema

SIDE = "SIDE"  # the column that says in which split a row stands

_LARGEST_REAL = sys.float_info.max
LARGEST_EXACT_INTEGER = 2**53 - 1


def raw_schema(
    table: RawTable, feature_inputs: Collection[tuple[str, str]] = frozenset()
) -> DataFrameSchema:
    """The contract of a raw table.

    An unknown category is an error in a column of `feature_inputs`, (table, column) pairs that
    some feature reads, and a warning elsewhere. Columns beside the table's own are not looked at.
    References to other tables need those tables: see `reference_rules`.
    """
    read = {column for name, column in feature_inputs if name == table.name}
    return _schema(table.name, table.columns, raw_rules(table), read_columns=read)


def raw_rules(table: RawTable) -> tuple[RowRule | GroupRule, ...]:
    """The rules of a raw table beside those of its columns, as far as it has their columns."""
    names = set(table.column_names)
    return tuple(
        rule
        for rule in RAW_RULES[table.name]
        if isinstance(rule, RowRule | GroupRule) and names.issuperset(rule.columns)
    )


def reference_rules(table: str) -> tuple[ReferenceRule, ...]:
    """The rules that tie a raw table to others."""
    return tuple(rule for rule in RAW_RULES[table] if isinstance(rule, ReferenceRule))


def feature_schema(
    columns: Sequence[Column],
    *,
    labelled: bool = True,
    group_column: str | None = None,
    group_type: ColumnType = "category",
) -> DataFrameSchema:
    """The contract of a feature table: the applicant, `columns`, the outcome, nothing else.

    Every column is an input of the model, so all its rules are errors. The group's values only
    tell groups apart: a group column that no raw table has may be of either `group_type`.
    """
    facts = [_raw_column(APPLICANT_KEY), *columns]
    if labelled:
        facts.append(_raw_column(TARGET))
    if group_column is not None:
        facts.append(_group_column(group_column, group_type))
    names = {fact.name for fact in facts}
    return _schema(
        "features",
        facts,
        (_UNIQUE_APPLICANT,),
        read_columns=names,
        any_values=_foreign(group_column),
        strict=True,
    )


def split_schema(
    group_column: str | None = None, group_type: ColumnType = "category"
) -> DataFrameSchema:
    """The contract between the sides of a split, on all their rows with the side in SIDE.

    What a side must hold as a feature table is `feature_schema`.
    """
    columns = [
        _raw_column(APPLICANT_KEY),
        _raw_column(TARGET),
        Column(name=SIDE, type="category", nullable=False),
    ]
    if group_column is not None:
        columns.append(_group_column(group_column, group_type))
    rules = split_rules(group_column)
    names = {column.name for column in columns}
    return _schema("splits", columns, rules, read_columns=names, any_values=_foreign(group_column))


def split_rules(group_column: str | None = None) -> tuple[GroupRule, ...]:
    """The rules between the sides of a split."""
    if group_column is None:
        return _DISJOINT_SIDES, _BOTH_OUTCOMES
    return _DISJOINT_SIDES, _BOTH_OUTCOMES, _whole_groups(group_column)


def payload_schemas(
    feature_inputs: Collection[tuple[str, str]] = frozenset(),
) -> dict[str, DataFrameSchema]:
    """The contracts of a scoring payload: `application` without outcome, and the nested tables."""
    return {
        name: raw_schema(without_target(table), feature_inputs)
        for name, table in raw_tables().items()
    }


_UNIQUE_APPLICANT = GroupRule(
    id="features.unique_applicant",
    level="error",
    description="an applicant has one row",
    columns=(APPLICANT_KEY,),
    key=(APPLICANT_KEY,),
    holds=lambda rows: rows.count() == 1,
)
_DISJOINT_SIDES = GroupRule(
    id="splits.disjoint_sides",
    level="error",
    description="an applicant stands in one side, once",
    columns=(APPLICANT_KEY, SIDE),
    key=(APPLICANT_KEY,),
    holds=lambda rows: rows.count() == 1,
)
_BOTH_OUTCOMES = GroupRule(
    id="splits.both_outcomes",
    level="error",
    description="every side has defaulters and payers",
    columns=(SIDE, TARGET),
    key=(SIDE,),
    holds=lambda rows: (rows[TARGET].min() == 0) & (rows[TARGET].max() == 1),
)


def _whole_groups(column: str) -> GroupRule:
    return GroupRule(
        id="splits.whole_groups",
        level="error",
        description=f"all applications of one {column} stand in one side",
        columns=(column, SIDE),
        key=(column,),
        holds=lambda rows: (rows[SIDE].nunique() == 1) | rows[column].isnull().all(),
    )


def _group_column(name: str, kind: ColumnType) -> Column:
    """The column as the raw table has it, else one of that type."""
    return Column(name=name, type=kind, nullable=True) if _foreign(name) else _raw_column(name)


def _foreign(group_column: str | None) -> set[str]:
    """The group column if no raw table describes it, so that nothing is known of its values."""
    known = (None, *raw_tables()["application"].column_names)
    return set() if group_column in known else {str(group_column)}


def _schema(
    name: str,
    columns: Sequence[Column],
    rules: Sequence[RowRule | GroupRule],
    *,
    read_columns: Collection[str],
    any_values: Collection[str] = (),
    strict: bool = False,
) -> DataFrameSchema:
    from pandera.backends.ibis.register import register_ibis_backends
    from pandera.ibis import DataFrameSchema

    register_ibis_backends()  # a check made before this does not know Ibis tables
    return DataFrameSchema(
        {
            column.name: _column(
                column,
                []
                if column.name in any_values
                else _column_checks(name, column, read=column.name in read_columns),
            )
            for column in columns
        },
        checks=[_table_check(rule) for rule in rules],
        strict=strict,
        name=name,
    )


def _column(column: Column, checks: Sequence[Check]) -> Any:
    from ibis.expr import datatypes
    from pandera.ibis import Column as PanderaColumn

    types = {
        "integer": datatypes.Int64,
        "real": datatypes.Float64,
        "category": datatypes.String,
    }
    return PanderaColumn(types[column.type], list(checks), nullable=column.nullable)


def _column_checks(table: str, column: Column, *, read: bool) -> list[Check]:
    from pandera.ibis import Check

    if column.type == "category":
        if not column.categories:
            return []
        return [
            Check.isin(
                list(column.categories),
                name=f"{table}.{column.name}.categories",
                description=f"{column.name} is one of {len(column.categories)} categories",
                raise_warning=not read,
            )
        ]
    low, high = _bounds(column)
    return [
        Check.in_range(
            low,
            high,
            name=f"{table}.{column.name}.range",
            description=f"{column.name} is within {low:,} and {high:,}",
        )
    ]


def _bounds(column: Column) -> tuple[float, float] | tuple[int, int]:
    """Both bounds, so that infinities and NaN, which DuckDB sorts above all, are out of range."""
    if column.type == "integer":
        low = -LARGEST_EXACT_INTEGER if column.minimum is None else int(column.minimum)
        high = LARGEST_EXACT_INTEGER if column.maximum is None else int(column.maximum)
        return low, high
    low_real = -_LARGEST_REAL if column.minimum is None else float(column.minimum)
    high_real = _LARGEST_REAL if column.maximum is None else float(column.maximum)
    return low_real, high_real


def _table_check(rule: RowRule | GroupRule) -> Check:
    from pandera.ibis import Check

    return Check(
        rule,
        name=rule.id,
        description=rule.description,
        raise_warning=rule.level == "warning",
    )


def _raw_column(name: str) -> Column:
    return raw_tables()["application"].column(name)


def rule_names(features: Sequence[Column]) -> tuple[str, ...]:
    """The name of every rule of every contract, given the columns of the feature table."""
    raw = (rule.id for rules in RAW_RULES.values() for rule in rules)
    raw_columns = (
        name
        for table in raw_tables().values()
        for column in table.columns
        for name in _column_rule_names(table.name, column)
    )
    facts = (_raw_column(APPLICANT_KEY), *features, _raw_column(TARGET))
    feature_columns = (name for column in facts for name in _column_rule_names("features", column))
    tables = (f"{name}.columns" for name in (*raw_tables(), "features", "splits"))
    named = (_UNIQUE_APPLICANT.id, *(rule.id for rule in split_rules("group")))
    return tuple(sorted((*raw, *raw_columns, *feature_columns, *tables, *named)))


def _column_rule_names(table: str, column: Column) -> tuple[str, ...]:
    names = [] if column.nullable else [f"{table}.{column.name}.not_null"]
    if column.type != "category":
        names.append(f"{table}.{column.name}.range")
    elif column.categories:
        names.append(f"{table}.{column.name}.categories")
    return tuple(names)
