"""Data in DuckDB against its contracts."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

from creditrisk.contracts.compilation import Compilation, RowCheck
from creditrisk.contracts.errors import UnknownRule
from creditrisk.contracts.request_contract import RequestContract
from creditrisk.contracts.request_derivation import derived_contract
from creditrisk.contracts.rules import ReferenceRule, Rule
from creditrisk.contracts.schemas import (
    SIDE,
    feature_schema,
    raw_schema,
    reference_rules,
    rule_names,
    split_schema,
)
from creditrisk.contracts.sql import INTEGER_TYPES, quoted_name, quoted_text
from creditrisk.contracts.tables import APPLICANT_KEY, Column, ColumnType, RawTable
from creditrisk.contracts.verdicts import RuleOutcome, RuleStatus, Sample, TableVerdict
from creditrisk.core.settings import ContractSettings

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa
    from pandera.ibis import DataFrameSchema

SAMPLE_ROWS = 5
_SIDES = "contract_sides"
_EXTREMES = "contract_extremes"

_STORED_AS: Mapping[str, frozenset[str]] = {
    "int64": INTEGER_TYPES,
    "float64": INTEGER_TYPES | {"FLOAT", "DOUBLE"},
    "string": frozenset({"VARCHAR"}),
}


@dataclass(frozen=True, slots=True)
class _Subject:
    """What is checked: a relation, its schema, and how its rows are told apart in samples."""

    name: str
    relation: str
    schema: DataFrameSchema
    key: tuple[str, ...]
    references: tuple[ReferenceRule, ...] = ()
    parents: Mapping[str, str] | None = None
    extremes: pa.Table | None = None


class ValidationRunner:
    """Checks tables in DuckDB against their contracts.

    Args:
        settings: the rules that are relaxed, with reasons.
        features: the columns of the feature table, without key, outcome and group.
        feature_inputs: the raw (table, column) pairs that some feature reads; an unknown
            category is refused there and warned about elsewhere.

    Raises:
        UnknownRule: the settings relax a rule that does not exist.
    """

    def __init__(
        self,
        settings: ContractSettings,
        *,
        features: Sequence[Column],
        feature_inputs: Collection[tuple[str, str]] = frozenset(),
    ) -> None:
        self.relaxed_rules = dict(settings.relaxed_rules)
        self._features = tuple(features)
        self._feature_inputs = frozenset(feature_inputs)
        known = rule_names(self._features)
        if unknown := sorted(set(self.relaxed_rules).difference(known)):
            raise UnknownRule(unknown, known)

    def check_raw(
        self,
        connection: duckdb.DuckDBPyConnection,
        table: RawTable,
        relation: str,
        *,
        parents: Mapping[str, str] | None = None,
        name: str | None = None,
        extremes: pa.Table | None = None,
    ) -> TableVerdict:
        """Check a raw table as `load_table` left it.

        `parents` gives the relations of the tables it refers to, by table name; without one the
        share of orphans is reported as not measured. `name` is what the verdict calls the table
        where several files hold one. `extremes` hold every column's least and greatest number, all
        its categories and a null where it has one; what they keep is not looked for in all rows.
        """
        subject = _Subject(
            name=name or table.name,
            relation=quoted_name(relation),
            schema=raw_schema(table, self._feature_inputs),
            key=table.key or tuple(c for c in table.column_names if c.startswith("SK_ID_")),
            references=reference_rules(table.name),
            parents={parent: quoted_name(there) for parent, there in (parents or {}).items()},
            extremes=extremes,
        )
        return self._check(connection, subject)

    def check_features(
        self,
        connection: duckdb.DuckDBPyConnection,
        relation: str,
        *,
        labelled: bool = True,
        group_column: str | None = None,
        name: str = "features",
    ) -> TableVerdict:
        """Check a feature table: exactly the signed-off columns, beside key, outcome and group."""
        rows = quoted_name(relation)
        schema = feature_schema(
            self._features,
            labelled=labelled,
            group_column=group_column,
            group_type=_group_type(connection, rows, group_column),
        )
        subject = _Subject(name, rows, schema, key=(APPLICANT_KEY,))
        return self._check(connection, subject)

    def check_splits(
        self,
        connection: duckdb.DuckDBPyConnection,
        sides: Mapping[str, str],
        *,
        group_column: str | None = None,
    ) -> tuple[TableVerdict, ...]:
        """Check the rows of all sides as one feature table, and the sides against each other.

        `sides` gives each side's relation by name.
        """
        rows = " union all by name ".join(
            f"select *, {quoted_text(side)} as {SIDE} from {quoted_name(relation)}"  # noqa: S608
            for side, relation in sides.items()
        )
        # In a table of their own, of which DuckDB knows minima and maxima: a rule a scan otherwise.
        connection.execute(f"create temp table {_SIDES} as {rows}")
        try:
            return self._check_sides(connection, group_column)
        finally:
            connection.execute(f"drop table {_SIDES}")

    def request_contract(self, descriptions: Mapping[str, str] | None = None) -> RequestContract:
        """The same contracts as data, by which requests are checked without Pandera.

        `descriptions` say what columns mean, by `table.column`.
        """
        return derived_contract(
            self._features, self._feature_inputs, self.relaxed_rules, descriptions or {}
        )

    def _check_sides(
        self, connection: duckdb.DuckDBPyConnection, group: str | None
    ) -> tuple[TableVerdict, ...]:
        kind = _group_type(connection, _SIDES, group)
        features = feature_schema(self._features, group_column=group, group_type=kind)
        between = split_schema(group, kind)
        without_side = f"(select * exclude ({SIDE}) from {_SIDES})"  # noqa: S608
        key = (APPLICANT_KEY,)
        return (
            self._check(connection, _Subject("splits.rows", without_side, features, key)),
            self._check(connection, _Subject("splits.sides", _SIDES, between, key)),
        )

    def _check(self, connection: duckdb.DuckDBPyConnection, subject: _Subject) -> TableVerdict:
        problems = _column_problems(connection, subject)
        compilation = Compilation(
            subject.schema,
            subject.references,
            subject.relation,
            parents=subject.parents or {},
            absent=[str(problem["column"]) for problem in problems],
        )
        (rows,) = _row(connection, f"select count(*) from {subject.relation}")  # noqa: S608
        outcomes = [
            self._structure(subject, problems),
            *self._row_outcomes(connection, subject, compilation, rows),
            *self._group_outcomes(connection, subject, compilation, rows),
            *_unmeasured(subject, compilation),
        ]
        return TableVerdict.of(subject.name, rows, outcomes)

    def _structure(self, subject: _Subject, problems: Sequence[Sample]) -> RuleOutcome:
        rule = Rule(
            id=f"{subject.schema.name}.columns",
            level="error",
            description="the columns are those of the contract, of its types",
            columns=(),
        )
        columns = len(subject.schema.columns)
        return self._outcome(rule, len(problems), columns, lambda: tuple(problems))

    def _row_outcomes(
        self,
        connection: duckdb.DuckDBPyConnection,
        subject: _Subject,
        compilation: Compilation,
        rows: int,
    ) -> Iterator[RuleOutcome]:
        counts = _counts(connection, subject, compilation)
        for check, violations in zip(compilation.rows, counts, strict=True):
            samples = partial(_row_samples, connection, subject, compilation, check)
            yield self._outcome(check.rule, violations, rows, samples)

    def _group_outcomes(
        self,
        connection: duckdb.DuckDBPyConnection,
        subject: _Subject,
        compilation: Compilation,
        rows: int,
    ) -> Iterator[RuleOutcome]:
        for count in compilation.groups:
            groups, *broken = _row(connection, count.statement)
            for rule, violations in zip(count.rules, broken, strict=False):
                statement = partial(compilation.sampling_groups, rule, SAMPLE_ROWS)
                yield self._outcome(
                    rule, violations, groups, partial(_group_samples, connection, statement)
                )
            for reference, orphans in zip(
                count.references, broken[len(count.rules) :], strict=True
            ):
                samples = partial(_orphans, connection, subject, compilation, reference)
                yield self._outcome(reference, orphans, rows, samples)

    def _outcome(
        self, rule: Rule, violations: int, rows: int, samples: Callable[[], tuple[Sample, ...]]
    ) -> RuleOutcome:
        """What came of a rule; rows are only fetched where it is broken beyond its bound."""
        reason = self.relaxed_rules.get(rule.id)
        status = _status(rule, violations, rows, relaxed=reason is not None)
        return RuleOutcome(
            rule=rule.id,
            level=rule.level,
            status=status,
            description=rule.description,
            violations=violations,
            rows=rows,
            bound=rule.bound,
            relaxed_because=reason if violations else None,
            samples=() if status == "passed" else samples(),
        )


def _counts(
    connection: duckdb.DuckDBPyConnection, subject: _Subject, compilation: Compilation
) -> list[int]:
    """How many rows break each of the compilation's checks of rows."""
    if subject.extremes is None:
        statements = compilation.counting()
        return list(chain.from_iterable(_row(connection, sql) for sql in statements))
    open_checks = _not_settled(connection, subject.extremes, compilation)
    counts: dict[RowCheck, int] = dict.fromkeys(compilation.rows, 0)
    if open_checks:
        found = _row(connection, compilation.counting_in_one_pass(open_checks))
        counts |= zip(open_checks, found, strict=True)
    return list(counts.values())


def _not_settled(
    connection: duckdb.DuckDBPyConnection, extremes: pa.Table, compilation: Compilation
) -> list[RowCheck]:
    """The checks that some row may break, as far as extreme values tell."""
    by_extremes = [check for check in compilation.rows if check.by_extremes]
    connection.register(_EXTREMES, extremes)
    try:
        broken = _row(connection, compilation.counting_in_one_pass(by_extremes, _EXTREMES))
    finally:
        connection.unregister(_EXTREMES)
    kept = {check for check, count in zip(by_extremes, broken, strict=True) if count == 0}
    return [check for check in compilation.rows if check not in kept]


def _unmeasured(subject: _Subject, compilation: Compilation) -> Iterator[RuleOutcome]:
    for reference in subject.references:
        if reference not in compilation.references:
            yield RuleOutcome(
                rule=reference.id,
                level=reference.level,
                status="not_measured",
                description=f"{reference.description}; that table was not there",
                violations=0,
                rows=0,
                bound=reference.bound,
            )


def _status(rule: Rule, violations: int, rows: int, *, relaxed: bool) -> RuleStatus:
    if violations <= rule.bound * rows:
        return "passed"
    if relaxed:
        return "relaxed"
    return "failed" if rule.level == "error" else "warned"


def _column_problems(connection: duckdb.DuckDBPyConnection, subject: _Subject) -> list[Sample]:
    """The contract's columns that the relation lacks or has of another type, and foreign ones."""
    found = _stored_types(connection, subject.relation)
    problems: list[Sample] = []
    for name, column in subject.schema.columns.items():
        required = str(column.dtype)
        if name not in found:
            problems.append({"column": name, "problem": "missing"})
        elif found[name] not in _STORED_AS[required]:
            problem = f"stored as {found[name]}, must be {required}"
            problems.append({"column": name, "problem": problem})
    if subject.schema.strict:
        foreign = [name for name in found if name not in subject.schema.columns]
        problems.extend({"column": name, "problem": "not in the contract"} for name in foreign)
    return problems


def _stored_types(connection: duckdb.DuckDBPyConnection, relation: str) -> dict[str, str]:
    """What DuckDB calls the type of each column."""
    query = f"describe select * from {relation}"  # noqa: S608 (a quoted name)
    return {str(name): str(kind) for name, kind, *_ in connection.execute(query).fetchall()}


def _group_type(
    connection: duckdb.DuckDBPyConnection, relation: str, group_column: str | None
) -> ColumnType:
    """Integer where the group's values are integers, else text, which the contract then asks for."""
    if group_column is None:
        return "category"
    stored = _stored_types(connection, relation).get(group_column)
    return "integer" if stored in INTEGER_TYPES else "category"


def _row_samples(
    connection: duckdb.DuckDBPyConnection,
    subject: _Subject,
    compilation: Compilation,
    check: RowCheck,
) -> tuple[Sample, ...]:
    columns = ", ".join(map(quoted_name, dict.fromkeys((*subject.key, *check.rule.columns))))
    return _samples(connection, compilation.sampling(check, columns, SAMPLE_ROWS))


def _orphans(
    connection: duckdb.DuckDBPyConnection,
    subject: _Subject,
    compilation: Compilation,
    rule: ReferenceRule,
) -> tuple[Sample, ...]:
    return _row_samples(connection, subject, compilation, compilation.reference_check(rule))


def _group_samples(
    connection: duckdb.DuckDBPyConnection, statement: Callable[[], str]
) -> tuple[Sample, ...]:
    return _samples(connection, statement())


def _samples(connection: duckdb.DuckDBPyConnection, statement: str) -> tuple[Sample, ...]:
    result = connection.execute(statement)
    names = [column[0] for column in result.description]
    return tuple(dict(zip(names, map(_shown, row), strict=True)) for row in result.fetchall())


def _shown(value: Any) -> int | float | str | None:
    """A value as JSON can hold it."""
    if value is None or isinstance(value, int | str):
        return value
    number = float(value)
    return number if math.isfinite(number) else str(number)


def _row(connection: duckdb.DuckDBPyConnection, statement: str) -> tuple[int, ...]:
    rows = connection.execute(statement).fetchall()  # all: an open result would block the caller
    return tuple(rows[0])
