"""Pandera schemas as SQL: every check of a table in one statement, each written once.

Pandera itself runs one query a check and rescans the table each time. Here its checks, built-in
and own, are only asked for the Ibis expression they stand for; DuckDB gets them all at once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING, Any

from creditrisk.contracts.rules import GroupRule, ReferenceRule, RowRule, Rule
from creditrisk.contracts.sql import quoted_name

if TYPE_CHECKING:
    from ibis.expr import types as ir
    from pandera.ibis import Check, DataFrameSchema

_ROWS = "contract_rows"
_PARENTS = "contract_parents_"
_ROW_ALIAS = "t0"  # what Ibis calls the only table of a query
_RULES_PER_STATEMENT = 24


@dataclass(frozen=True, slots=True)
class RowCheck:
    """A rule about single rows with the SQL condition that is true where it is broken.

    A rule `by_extremes` is kept by a column whose extreme values keep it: Pandera's ranges and
    lists of categories, and that a column is never empty.
    """

    rule: Rule
    broken: str
    by_extremes: bool = False


@dataclass(frozen=True, slots=True)
class GroupCount:
    """How many groups there are and how many break each rule, in one pass.

    Where some table holds the parents of the groups, the same pass counts the rows of groups
    without one, for each of `references`: a million groups are looked up instead of all rows.
    """

    rules: tuple[GroupRule, ...]
    references: tuple[ReferenceRule, ...]
    statement: str


class Compilation:
    """The checks of a Pandera schema as DuckDB SQL over a relation.

    Args:
        schema: columns and checks.
        references: rules that look into other tables.
        relation: SQL of the rows, a table's name for instance.
        parents: SQL of the tables that `references` look into, by the name they use.
        absent: columns that the relation lacks; no check that needs one is compiled.
    """

    def __init__(
        self,
        schema: DataFrameSchema,
        references: Sequence[ReferenceRule],
        relation: str,
        *,
        parents: Mapping[str, str],
        absent: Collection[str] = (),
    ) -> None:
        self._schema = schema
        self._references = references
        self._relation = relation
        self._parents = parents
        self._absent = frozenset(absent)

    @cached_property
    def rows(self) -> tuple[RowCheck, ...]:
        """The checks of single rows, columns first."""
        counted = {rule.id for count in self.groups for rule in count.references}
        columns = dict(self.column_conditions())
        others = dict(self.row_conditions())
        others |= {
            r: self._has_parent(r, self._table) for r in self.references if r.id not in counted
        }
        return self._row_checks(columns | others, by_extremes=columns)

    @cached_property
    def references(self) -> tuple[ReferenceRule, ...]:
        """The rules about other tables that can be looked at."""
        return tuple(
            rule
            for rule in self._references
            if self._measurable(rule) and rule.parent in self._parents
        )

    def reference_check(self, rule: ReferenceRule) -> RowCheck:
        """The check of each row that `groups` makes of each group."""
        return self._row_checks({rule: self._has_parent(rule, self._table)})[0]

    def _row_checks(
        self, kept: Mapping[Rule, ir.BooleanValue], by_extremes: Collection[Rule] = ()
    ) -> tuple[RowCheck, ...]:
        conditions = _conditions(self._table, list(kept.values()))
        return tuple(
            RowCheck(rule, self._resolved(f"not ({condition})"), rule in by_extremes)
            for rule, condition in zip(kept, conditions, strict=True)
        )

    def _has_parent(self, rule: ReferenceRule, rows: ir.Table) -> ir.BooleanValue:
        column = rule.columns[0]
        parents = _table(_PARENTS + rule.id, {column: self._schema.columns[column].dtype})
        return rule.kept(rows, parents)

    @cached_property
    def groups(self) -> tuple[GroupCount, ...]:
        """One statement for all rules about the same groups."""
        by_key = groupby(sorted(self._group_rules, key=_key), key=_key)
        return tuple(self._group_count(tuple(rules)) for _, rules in by_key)

    @cached_property
    def _table(self) -> ir.Table:
        return _table(_ROWS, {name: column.dtype for name, column in self._schema.columns.items()})

    @property
    def _group_rules(self) -> list[GroupRule]:
        rules = (_rule(check) for check in self._schema.checks)
        return [rule for rule in rules if isinstance(rule, GroupRule) and self._measurable(rule)]

    def column_conditions(self) -> Iterator[tuple[Rule, ir.BooleanValue]]:
        """What each rule of a single column asks of its cells; null where the cell is empty."""
        for name, column in self._schema.columns.items():
            if name in self._absent:
                continue
            if not column.nullable:
                yield _not_null(self._schema.name, name), self._table[name].notnull()
            for check in column.checks:
                yield _column_rule(check, name), _column_condition(check, self._table, name)

    def row_conditions(self) -> Iterator[tuple[Rule, ir.BooleanValue]]:
        """What each rule across columns asks of a row."""
        for check in self._schema.checks:
            rule = _rule(check)
            if isinstance(rule, RowRule) and self._measurable(rule):
                yield rule, rule.kept(self._table)

    def group_conditions(self) -> Iterator[tuple[GroupRule, ir.BooleanScalar]]:
        """What each rule about groups asks of the rows of a group."""
        for rule in self._group_rules:
            yield rule, rule.kept(self._table)

    def _measurable(self, rule: Rule) -> bool:
        return self._absent.isdisjoint(rule.columns)

    def _group_count(self, rules: tuple[GroupRule, ...]) -> GroupCount:
        key = rules[0].key
        references = tuple(rule for rule in self.references if rule.columns == key)
        names = [f"rule_{number}" for number in range(len(rules))]
        kept = {name: rule.kept(self._table) for name, rule in zip(names, rules, strict=True)}
        groups = self._table.group_by(list(key)).aggregate(ROWS=self._table.count(), **kept)
        counts = {"groups": groups.count()}
        counts |= {name: (~groups[name]).sum().fill_null(0) for name in names}
        for number, rule in enumerate(references):
            orphans = groups.ROWS.sum(where=~self._has_parent(rule, groups)).fill_null(0)
            counts[f"reference_{number}"] = orphans
        return GroupCount(rules, references, self._sql(groups.aggregate(**counts)))

    def _sql(self, expression: ir.Expr) -> str:
        import ibis

        return self._resolved(str(ibis.to_sql(expression, dialect="duckdb", pretty=False)))

    def _resolved(self, sql: str) -> str:
        """The SQL with the relations' names in the place of their stand-ins."""
        resolved = sql.replace(quoted_name(_ROWS), self._relation)
        for rule in self._references:
            if rule.parent in self._parents:
                key = quoted_name(rule.columns[0])
                keys = f"(select {key} from {self._parents[rule.parent]})"  # noqa: S608
                resolved = resolved.replace(quoted_name(_PARENTS + rule.id), keys)
        return resolved

    def counting(self) -> Iterator[str]:
        """Statements of one row each that together count the rows that break each of `rows`.

        One subquery a rule: DuckDB answers most of them from a table's own minima, maxima and
        null counts without reading a row. Planning is quadratic in their number, hence batches.
        """
        source = f"from {self._relation} as {_ROW_ALIAS}"
        for start in range(0, len(self.rows), _RULES_PER_STATEMENT):
            batch = self.rows[start : start + _RULES_PER_STATEMENT]
            counts = (f"(select count(*) {source} where {check.broken})" for check in batch)
            yield f"select {', '.join(counts)}"

    def counting_in_one_pass(self, checks: Sequence[RowCheck], relation: str | None = None) -> str:
        """The statement of one row that counts the rows that break each of `checks`.

        For relations of which DuckDB has no minima and maxima. Other rows of the same columns may
        stand in a `relation` of their own.
        """
        counts = (f"count(*) filter (where {check.broken})" for check in checks)
        return f"select {', '.join(counts)} from {relation or self._relation} as {_ROW_ALIAS}"  # noqa: S608

    def sampling(self, check: RowCheck, columns: str, limit: int) -> str:
        """The statement that shows rows which break a rule, the same ones in every run."""
        return (
            f"select {columns} from {self._relation} as {_ROW_ALIAS} "  # noqa: S608
            f"where {check.broken} order by all limit {limit}"
        )

    def sampling_groups(self, rule: GroupRule, limit: int) -> str:
        """The statement that shows groups which break a rule."""
        return f"{self._sql(rule.violating(self._table))} order by all limit {limit}"


def _key(rule: GroupRule) -> tuple[str, ...]:
    return rule.key


def _rule(check: Check) -> Any:
    return check._check_fn  # noqa: SLF001 (Pandera keeps the function nowhere else)


def _not_null(table: str, column: str) -> Rule:
    return Rule(
        id=f"{table}.{column}.not_null",
        level="error",
        description=f"{column} is never empty",
        columns=(column,),
    )


def _column_rule(check: Check, column: str) -> Rule:
    return Rule(
        id=str(check.name),
        level="warning" if check.raise_warning else "error",
        description=str(check.description),
        columns=(column,),
    )


def _column_condition(check: Check, rows: ir.Table, column: str) -> ir.BooleanValue:
    """What one of Pandera's own checks asks of a column; null where the cell is empty."""
    from pandera.api.ibis.types import IbisData

    selection = check._check_fn(IbisData(rows, column), **check._check_kwargs)  # noqa: SLF001
    return selection.op().values[column].to_expr()


def _table(name: str, columns: Mapping[str, Any]) -> ir.Table:
    import ibis

    return ibis.table({column: dtype.type for column, dtype in columns.items()}, name=name)


def _conditions(rows: ir.Table, expressions: Sequence[ir.BooleanValue]) -> list[str]:
    """The SQL of each expression over the rows, called `t0` in it."""
    from ibis.backends.sql.compilers import DuckDBCompiler

    named = {f"rule_{number}": expression for number, expression in enumerate(expressions)}
    query = DuckDBCompiler().to_sqlglot(rows.select(**named))
    return [column.this.sql("duckdb") for column in query.expressions]
