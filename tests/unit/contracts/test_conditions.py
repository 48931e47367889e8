"""Sealed conditions mean what the SQL means that DuckDB runs on training data."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from creditrisk.contracts.compilation import Compilation
from creditrisk.contracts.conditions import (
    Cells,
    ColumnCell,
    Condition,
    Constant,
    Evaluations,
    Operation,
    Operator,
    Rows,
)
from creditrisk.contracts.raw_rules import RAW_RULES
from creditrisk.contracts.request_rows import RowChecks
from creditrisk.contracts.rules import GroupRule, RowRule
from creditrisk.contracts.schemas import payload_schemas
from creditrisk.contracts.tables import Column, raw_tables, without_target
from payloads import request_contract

ROWS = 400
TABLES = {table.name: table for table in request_contract().tables}
ROW_RULES = [r.id for rules in RAW_RULES.values() for r in rules if isinstance(r, RowRule)]
GROUP_RULES = [r.id for rules in RAW_RULES.values() for r in rules if isinstance(r, GroupRule)]
ARROW = {"integer": pa.int64(), "real": pa.float64(), "category": pa.string()}
TELLING_NUMBERS = (0, 1, 2, -1, 365243, 3650, 3651, -100, -12_000)


@cache
def random_rows(table: str) -> list[dict[str, Any]]:
    """Rows of cells at which some rule may turn, and of nulls, contract or no contract."""
    chance = random.Random(table)  # noqa: S311 (rows for a test)
    columns = without_target(raw_tables()[table]).columns
    return [{column.name: _cell(column, chance) for column in columns} for _ in range(ROWS)]


def _cell(column: Column, chance: random.Random) -> Any:
    if column.name.startswith("SK_ID_"):
        return chance.randint(1, ROWS // 3)
    if column.name == "MONTHS_BALANCE":
        return chance.choice([0, -1, -2, -3, -61, -62, -63, -120])
    if column.type == "category":
        return chance.choice([None, "XNA", *column.categories[:3]])
    value = chance.choice([None, *TELLING_NUMBERS])
    return value if value is None or column.type == "integer" else float(value)


@cache
def database(table: str) -> duckdb.DuckDBPyConnection:
    """A connection that holds the random rows of a table as `rows`, in order of `position`."""
    columns = without_target(raw_tables()[table]).columns
    schema = pa.schema([(c.name, ARROW[c.type]) for c in columns] + [("position", pa.int64())])
    rows = [row | {"position": number} for number, row in enumerate(random_rows(table))]
    connection = duckdb.connect()
    connection.register("arrow_rows", pa.Table.from_pylist(rows, schema=schema))
    connection.execute("create table rows as from arrow_rows")
    return connection


@cache
def compiled(table: str) -> Compilation:
    return Compilation(payload_schemas()[table], (), "rows", parents={})


@cache
def broken_in_request(table: str) -> dict[str, list[int]]:
    """The random rows that each rule of a table refuses, as a request finds them."""
    found: dict[str, list[int]] = {}
    for broken in RowChecks(TABLES[table]).broken(random_rows(table), {}):
        found.setdefault(broken.rule.id, []).append(broken.row)
    return found


def positions(table: str, condition: str) -> list[int]:
    rows = database(table).execute(f"select position from rows as t0 where {condition} order by 1")  # noqa: S608
    return [position for (position,) in rows.fetchall()]


@pytest.mark.parametrize("rule", ROW_RULES)
def test_a_rule_across_columns_finds_the_rows_that_sql_finds(rule: str) -> None:
    """Among random rows with nulls the sealed condition and the SQL object to the same ones."""
    table = rule.partition(".")[0]
    check = next(check for check in compiled(table).rows if check.rule.id == rule)
    expected = positions(table, check.broken)
    assert 0 < len(expected) < ROWS
    assert broken_in_request(table)[rule] == expected


@pytest.mark.parametrize("rule", GROUP_RULES)
def test_a_rule_about_groups_finds_the_groups_that_sql_finds(rule: str) -> None:
    """Among random groups the sealed condition and the SQL object to the same ones."""
    table = rule.partition(".")[0]
    (named,) = [known for known in RAW_RULES[table] if known.id == rule]
    assert isinstance(named, GroupRule)
    statement = compiled(table).sampling_groups(named, ROWS)
    expected = {key for key, _ in database(table).execute(statement).fetchall()}
    rows = random_rows(table)
    found = [rows[row][named.key[0]] for row in broken_in_request(table)[rule]]
    assert 0 < len(expected) < len({row[named.key[0]] for row in rows})
    assert sorted(found) == sorted(expected)


TRUTH = (True, False, None)


def truth_values(operator: Operator, *operands: Sequence[bool | None]) -> list[bool | None]:
    """What an operator makes of columns of truth values."""
    columns = {str(n): _truth_cells(values) for n, values in enumerate(operands)}
    names = tuple(ColumnCell(column=name) for name in columns)
    condition = Operation(operator=operator, operands=names)
    cells = Evaluations().of(condition)(Rows(columns, len(operands[0])))
    return list(_as_listed(cells, len(operands[0])))


def _truth_cells(values: Sequence[bool | None]) -> Cells:
    known = np.array([value is not None for value in values])
    return Cells(np.array([bool(value) for value in values]), None if known.all() else known)


def _as_listed(cells: Cells, count: int) -> Iterator[bool | None]:
    known = np.broadcast_to(True if cells.known is None else cells.known, count)
    for value, is_known in zip(np.broadcast_to(cells.values, count), known, strict=True):
        yield bool(value) if is_known else None


@pytest.mark.parametrize("operator", ["and", "or"])
def test_logic_is_three_valued(operator: Operator) -> None:
    """AND and OR of known and unknown values are those of SQL."""
    pairs = [(one, other) for one in TRUTH for other in TRUTH]
    sql = " union all ".join(
        f"select {number}, {_sql(one)} {operator} {_sql(other)}"
        for number, (one, other) in enumerate(pairs)
    )
    expected = [value for _, value in duckdb.sql(f"{sql} order by 1").fetchall()]
    assert truth_values(operator, *zip(*pairs, strict=True)) == expected


def _sql(value: bool | None) -> str:  # noqa: FBT001 (a truth value is what it is about)
    return f"({'null' if value is None else value})::boolean"


@pytest.mark.parametrize("operator", ["and", "or"])
def test_logic_of_known_values_needs_no_mask(operator: Operator) -> None:
    """Columns without nulls give a column without nulls."""
    assert truth_values(operator, [True, True, False], [True, False, False]) == (
        [True, False, False] if operator == "and" else [True, True, False]
    )


def test_not_leaves_the_unknown_unknown() -> None:
    """NOT of null is null."""
    assert truth_values("not", TRUTH) == [False, True, None]


def test_a_choice_takes_what_its_condition_says() -> None:
    """An unknown condition takes the other side; what is taken stays as known as it was."""
    assert truth_values("if_else", TRUTH, [True] * 3, [None] * 3) == [True, None, None]


def in_groups(condition: Condition, values: Sequence[int | None]) -> list[Any]:
    """A condition about the groups that begin at rows 0 and 2."""
    known = np.array([value is not None for value in values])
    cells = Cells(np.array([value or 0 for value in values]), known)
    rows = Rows({"X": cells}, len(values), np.array([0, 2]))
    result = Evaluations().of(condition)(rows)
    return [
        value if is_known else None
        for value, is_known in zip(result.values.tolist(), result.known, strict=True)
    ]


@pytest.mark.parametrize(
    ("operator", "expected"), [("sum", 7), ("least", 3), ("greatest", 4), ("bit_or", 7)]
)
def test_an_aggregate_ignores_the_unknown(operator: Operator, expected: int) -> None:
    """Nulls count for nothing, and a group of nulls alone has no result."""
    condition = Operation(operator=operator, operands=(ColumnCell(column="X"),))
    assert in_groups(condition, [None, None, 3, 4, None]) == [None, expected]


def test_what_conditions_share_is_evaluated_once() -> None:
    """A part that stands in two conditions is one function with one result."""
    part = Operation(operator="is_null", operands=(ColumnCell(column="X"),))
    evaluations = Evaluations()
    whole = Operation(operator="or", operands=(part, Constant(value=False)))
    rows = Rows({"X": Cells(np.array([1]), np.array([False]))}, 1)
    assert evaluations.of(whole)(rows).true.tolist() == [True]
    assert evaluations.of(part)(rows) is evaluations.of(part)(rows)
