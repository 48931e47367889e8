"""A scoring request is refused, or remarked upon, by exactly the rules that training data is."""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Iterator, Sequence
from typing import Any

import duckdb
import pytest
from contract_rows import (
    FEATURES,
    Row,
    breaking_features,
    breaking_rows,
    clean_features,
    clean_row,
    feature_columns,
    store,
)

from creditrisk.contracts.request_contract import PARENTS
from creditrisk.contracts.requests import RequestChecks
from creditrisk.contracts.runner import ValidationRunner
from creditrisk.contracts.schemas import rule_names
from creditrisk.contracts.tables import APPLICANT_KEY, TARGET, raw_tables, without_target
from creditrisk.contracts.verdicts import TableVerdict
from creditrisk.core.settings import ContractSettings
from payloads import nested_payload

EVERY_COLUMN = frozenset((t.name, name) for t in raw_tables().values() for name in t.column_names)
TABLES = {name: without_target(table) for name, table in raw_tables().items()}
KEYS = {APPLICANT_KEY, "SK_ID_BUREAU", "SK_ID_PREV"}

NESTED = "a row is nested in its parent"
NO_OUTCOME = "a request has no outcome"
NO_SIDE = "a request is no side of a split"
INAPPLICABLE = {
    "POS_CASH_balance.known_previous_application": NESTED,
    "application.TARGET.not_null": NO_OUTCOME,
    "application.TARGET.range": NO_OUTCOME,
    "bureau.known_application": NESTED,
    "bureau_balance.known_bureau": NESTED,
    "credit_card_balance.known_previous_application": NESTED,
    "features.TARGET.not_null": NO_OUTCOME,
    "features.TARGET.range": NO_OUTCOME,
    "installments_payments.known_previous_application": NESTED,
    "previous_application.known_application": NESTED,
    "splits.both_outcomes": NO_SIDE,
    "splits.columns": NO_SIDE,
    "splits.disjoint_sides": NO_SIDE,
    "splits.whole_groups": NO_SIDE,
}
APPLICABLE = [rule for rule in rule_names(FEATURES) if rule not in INAPPLICABLE]
GROUPS = {"features.unique_applicant"}  # whose breaking row must be given twice
OF_COLUMNS = [rule for rule in APPLICABLE if rule.endswith(".columns")]
OF_CELLS = [rule for rule in APPLICABLE if rule.endswith((".not_null", ".range", ".categories"))]
OF_ROWS = [rule for rule in APPLICABLE if rule not in {*OF_COLUMNS, *OF_CELLS}]
AS_USUAL, UNREAD, RELAXED = "as usual", "unread", "relaxed"

Levels = dict[str, set[str]]


@functools.cache
def runner(mode: str) -> ValidationRunner:
    """As stages have it; where no feature reads any column; with every rule relaxed."""
    cells = [rule for rule in APPLICABLE if not rule.endswith(".columns")]
    return ValidationRunner(
        ContractSettings(relaxed_rules=dict.fromkeys(cells, "a test") if mode == RELAXED else {}),
        features=FEATURES,
        feature_inputs=frozenset() if mode == UNREAD else EVERY_COLUMN,
    )


@functools.cache
def checks(mode: str) -> RequestChecks:
    contract = runner(mode).request_contract()
    return RequestChecks(contract, [column.name for column in FEATURES])


@functools.cache
def connection() -> duckdb.DuckDBPyConnection:
    opened = duckdb.connect()
    opened.execute("set threads = 1")
    return opened


def rows_that_break(rule: str) -> Iterator[tuple[str, list[Row]]]:
    """Sets of rows of a table, or of the feature table, each made to break the rule."""
    table = rule.partition(".")[0]
    if rule.endswith(".columns"):
        rows = _rows_of_wrong_form(table)
    elif table == "features":
        rows = [_without_target(row) for row in breaking_features(rule)]
    else:
        rows = [_without_target(row) for row in breaking_rows(rule, raw_tables()[table])]
        rows = [*rows[:2], *rows[2:][-1:]]  # six columns that are null together are all alike
    together = rule.endswith((".unique_key", "_months"))
    for given in [rows] if together else [[row] for row in rows]:
        yield table, given * 2 if rule in GROUPS else given


def _rows_of_wrong_form(table: str) -> list[Row]:
    """A row without a column, and rows with a cell of the wrong type."""
    row = _without_target(clean_features() if table == "features" else clean_row(table))
    column = next(name for name in reversed(row) if name not in KEYS)
    number = next(n for n, value in reversed(row.items()) if isinstance(value, int | float))
    missing = {name: value for name, value in row.items() if name != column}
    wrong = [row | {number: value} for value in ("5", "", [])]
    return [missing, *wrong, *([row | {"FOREIGN": 1}] if table == "features" else [])]


def _without_target(row: Row) -> Row:
    return {name: value for name, value in row.items() if name != TARGET}


def found_in_training(mode: str, table: str, rows: Sequence[Row]) -> Levels:
    """The rules that a stage's check of these rows reports, by what comes of them."""
    verdict = _verdict(runner(mode), table, rows)
    return {
        "refused": {o.rule for o in verdict.findings if o.status == "failed"},
        "remarked": {o.rule for o in verdict.findings if o.status in ("warned", "relaxed")},
    }


def _verdict(by: ValidationRunner, table: str, rows: Sequence[Row]) -> TableVerdict:
    if table == "features":
        columns = [column for column in feature_columns() if column.name != TARGET]
        _store(columns, rows)
        return by.check_features(connection(), "rows", labelled=False)
    _store(TABLES[table].columns, rows)
    return by.check_raw(connection(), TABLES[table], "rows", parents=dict.fromkeys(TABLES, "rows"))


def _store(columns: Sequence[Any], rows: Sequence[Row]) -> None:
    """The rows as a file would hold them: a column that is missing, or stored as text."""
    present = [column for column in columns if all(column.name in row for row in rows)]
    typed = [c for c in present if not any(_is_wrong(c, row[c.name]) for row in rows)]
    store(connection(), "rows", typed, [{c.name: row[c.name] for c in typed} for row in rows])
    for column in present:
        if column not in typed:
            connection().execute(f'alter table rows add column "{column.name}" varchar')
    known = {column.name for column in columns}
    for name in {name for row in rows for name in row} - known:
        connection().execute(f'alter table rows add column "{name}" varchar')


def _is_wrong(column: Any, value: Any) -> bool:
    return isinstance(value, list) or (column.type != "category" and isinstance(value, str))


def found_in_a_request(mode: str, table: str, rows: Sequence[Row]) -> Levels:
    """The rules that a request with these rows, clean otherwise, breaks."""
    errors, warnings = checks(mode).violations(json.dumps(payload(table, rows)).encode())
    return {
        "refused": {violation.rule for violation in errors},
        "remarked": {violation.rule for violation in warnings},
    }


def payload(table: str, rows: Sequence[Row]) -> dict[str, Any]:
    """A body with the rows, in clean rows of the tables above theirs."""
    if table == "features":
        return {"features": list(rows)}
    if table == "application":
        return {"applications": list(rows)}
    parents = {}
    above: str | None = PARENTS[table]
    while above:
        parents[above] = [_without_target(clean_row(above))]
        above = PARENTS.get(above)
    body = nested_payload(parents)
    holder = body["applications"][0]
    if PARENTS[table] != "application":
        holder = holder[PARENTS[table]][0]
    holder[table] = list(rows)
    return body


def test_the_inapplicable_rules_are_known() -> None:
    """The contract lists every rule that no request can break, each with the reason."""
    contract = checks(AS_USUAL).contract
    assert contract.inapplicable == INAPPLICABLE
    assert set(INAPPLICABLE) <= set(rule_names(FEATURES))


@functools.cache
def found_in_bulk(mode: str, table: str) -> Levels:
    """What training says of all rows at once that are made to break a rule of a table's cells."""
    rules = [rule for rule in OF_CELLS if rule.startswith(f"{table}.")]
    rows = [row for rule in rules for _, given in rows_that_break(rule) for row in given]
    return found_in_training(mode, table, rows)


def outcome_of(rule: str, found: Levels) -> str:
    """Whether a rule refuses or remarks."""
    return next(outcome for outcome, rules in found.items() if rule in rules)


@pytest.mark.parametrize("rule", [*OF_COLUMNS, *OF_ROWS])
def test_both_sides_object_to_a_breaking_row(rule: str) -> None:
    """What a row breaks in training it breaks in a request: refused in both, or a remark in both.

    A request whose cell is broken is not asked for what depends on that cell, training is.
    """
    for table, rows in rows_that_break(rule):
        trained = found_in_training(AS_USUAL, table, rows)
        requested = found_in_a_request(AS_USUAL, table, rows)
        assert rule in requested[outcome_of(rule, trained)]
        assert requested["refused"] <= trained["refused"]
        assert requested["remarked"] <= trained["remarked"]


@pytest.mark.parametrize("mode", [AS_USUAL, UNREAD, RELAXED])
@pytest.mark.parametrize("rule", OF_CELLS)
def test_both_sides_object_to_a_breaking_cell(rule: str, mode: str) -> None:
    """What a cell breaks in training it breaks in a request, whether or not that refuses it."""
    for table, rows in rows_that_break(rule):
        requested = found_in_a_request(mode, table, rows)
        if mode == RELAXED and (_is_never_relaxed(rule) or _has_no_json(rows)):
            assert rule in requested["refused"]
        else:
            assert rule in requested[outcome_of(rule, found_in_bulk(mode, table))]


@pytest.mark.parametrize("rule", OF_ROWS)
def test_a_relaxed_rule_refuses_on_neither_side(rule: str) -> None:
    """A rule that the settings relax is remarked upon in training and in requests."""
    table, rows = next(rows_that_break(rule))
    assert rule in found_in_training(RELAXED, table, rows)["remarked"]
    assert rule in found_in_a_request(RELAXED, table, rows)["remarked"]


@pytest.mark.parametrize("table", [*TABLES, "features"])
def test_both_sides_accept_a_clean_row(table: str) -> None:
    """A row that keeps every rule is objected to by neither side."""
    rows = [_without_target(clean_features() if table == "features" else clean_row(table))]
    nothing: Levels = {"refused": set(), "remarked": set()}
    assert found_in_training(AS_USUAL, table, rows) == nothing
    assert found_in_a_request(AS_USUAL, table, rows) == nothing


def _is_never_relaxed(rule: str) -> bool:
    """Whether the rule is about a row's id, without which nobody can be answered."""
    return ".SK_ID_" in rule


def _has_no_json(rows: Sequence[Row]) -> bool:
    """Whether a number is none that every JSON parser reads: it cannot be sent."""
    numbers = [value for row in rows for value in row.values() if isinstance(value, int | float)]
    return not all(math.isfinite(number) and abs(number) < 2**53 for number in numbers)
