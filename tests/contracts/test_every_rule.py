"""Every rule of every contract refuses a row made to break it, and accepts a clean one."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

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

from creditrisk.contracts.compilation import Compilation, RowCheck
from creditrisk.contracts.raw_rules import RAW_RULES
from creditrisk.contracts.rules import GroupRule, ReferenceRule
from creditrisk.contracts.runner import ValidationRunner
from creditrisk.contracts.schemas import raw_schema, reference_rules, rule_names
from creditrisk.contracts.tables import raw_tables
from creditrisk.contracts.verdicts import RuleOutcome, TableVerdict
from creditrisk.core.settings import ContractSettings

if TYPE_CHECKING:
    from pandera.errors import SchemaError

RAW = [
    name
    for name in rule_names(FEATURES)
    if name.split(".", maxsplit=1)[0] in raw_tables() and not name.endswith(".columns")
]
OF_FEATURES = [
    name
    for name in rule_names(FEATURES)
    if name.startswith("features.") and name != "features.columns"
]
NAMED = [rule for rules in RAW_RULES.values() for rule in rules]
GROUP_RULES = {rule.id for rule in NAMED if isinstance(rule, GroupRule)} | {
    "features.unique_applicant"
}
REFERENCES = {rule.id for rule in NAMED if isinstance(rule, ReferenceRule)}
EVERY_COLUMN = {(t.name, column) for t in raw_tables().values() for column in t.column_names}


def _table_of(rule: str) -> str:
    return rule.split(".", maxsplit=1)[0]


def runner() -> ValidationRunner:
    return ValidationRunner(ContractSettings(), features=FEATURES, feature_inputs=EVERY_COLUMN)


@functools.cache
def connection() -> duckdb.DuckDBPyConnection:
    """A database with the clean row of each table as `clean_<table>`."""
    opened = duckdb.connect()
    opened.execute("set threads = 1")
    for table in raw_tables().values():
        store(opened, f"clean_{table.name}", table.columns, [clean_row(table.name)])
    return opened


def check_raw(name: str, rows: Sequence[Row], relation: str = "rows") -> TableVerdict:
    table = raw_tables()[name]
    store(connection(), relation, table.columns, rows)
    parents = {parent: f"clean_{parent}" for parent in raw_tables()}
    return runner().check_raw(connection(), table, relation, parents=parents)


def check_features(rows: Sequence[Row]) -> TableVerdict:
    store(connection(), "features", feature_columns(), rows)
    return runner().check_features(connection(), "features")


@functools.cache
def broken_in_bulk(table: str) -> dict[str, RuleOutcome]:
    """The findings on `bulk_<table>`, which holds rows that break each rule of its contract."""
    rules = [rule for rule in RAW if rule.startswith(f"{table}.")]
    rows = [row for rule in rules for row in breaking_rows(rule, raw_tables()[table])]
    return {outcome.rule: outcome for outcome in check_raw(table, rows, f"bulk_{table}").findings}


@functools.cache
def compiled(table: str) -> Compilation:
    """The checks of a raw table over a relation called `subject`."""
    parents = {parent: f"clean_{parent}" for parent in raw_tables()}
    references = reference_rules(table)
    return Compilation(raw_schema(raw_tables()[table]), references, "subject", parents=parents)


def broken(rule: str, rows: Sequence[Row]) -> int:
    """How many of the rows (or of their groups) break one rule of a raw table."""
    table = raw_tables()[_table_of(rule)]
    store(connection(), "subject", table.columns, rows)
    if rule in GROUP_RULES:
        group_rule = next(named for named in NAMED if named.id == rule)
        statement = f"from ({compiled(table.name).sampling_groups(group_rule, 99)})"
    else:
        statement = f"from subject as t0 where {row_check(rule).broken}"
    return int(connection().execute(f"select count(*) {statement}").fetchall()[0][0])


def row_check(rule: str) -> RowCheck:
    compilation = compiled(_table_of(rule))
    references = [compilation.reference_check(known) for known in compilation.references]
    return next(check for check in (*compilation.rows, *references) if check.rule.id == rule)


@pytest.mark.parametrize("rule", RAW)
def test_a_breaking_row_is_found_by_the_rule_it_was_made_for(rule: str) -> None:
    """Each row made to break a rule breaks it on its own, and the clean row keeps it."""
    table = raw_tables()[_table_of(rule)]
    rows = breaking_rows(rule, table)
    assert broken(rule, [clean_row(table.name)]) == 0
    if rule in GROUP_RULES:
        assert broken(rule, rows) == 1
    else:
        assert [broken(rule, [row]) for row in rows] == [1] * len(rows)


@pytest.mark.parametrize("rule", RAW)
def test_the_verdict_names_every_broken_rule(rule: str) -> None:
    """One check of a table reports every rule that is broken in it, with samples beyond bounds."""
    outcome = broken_in_bulk(_table_of(rule))[rule]
    assert outcome.violations >= 1
    assert bool(outcome.samples) == (outcome.violations > outcome.bound * outcome.rows)


@pytest.mark.parametrize("rule", OF_FEATURES)
def test_a_feature_table_that_breaks_a_rule_is_refused(rule: str) -> None:
    """Every rule of the feature table is an error."""
    for row in breaking_features(rule):
        rows = [row, row] if rule in GROUP_RULES else [row]
        verdict = check_features(rows)
        assert [outcome.rule for outcome in verdict.findings] == [rule]
        assert verdict.status == "failed"


@pytest.mark.parametrize("rule", RAW)
def test_extremes_change_no_finding(rule: str) -> None:
    """The runner finds the same when told the rows that bound each column."""
    table = raw_tables()[_table_of(rule)]
    plain = check_raw(table.name, breaking_rows(rule, table))
    parents = {parent: f"clean_{parent}" for parent in raw_tables()}
    extremes = connection().table("rows").to_arrow_table()
    told = runner().check_raw(connection(), table, "rows", parents=parents, extremes=extremes)
    assert told == plain


@pytest.mark.parametrize("table", raw_tables())
def test_clean_rows_keep_every_rule(table: str) -> None:
    """A clean row passes, and the verdict lists every rule of its contract as kept."""
    verdict = check_raw(table, [clean_row(table)])
    assert verdict.status == "passed"
    assert verdict.findings == ()
    expected = {rule for rule in RAW if rule.startswith(f"{table}.")} | {f"{table}.columns"}
    assert set(verdict.kept_rules) == expected


@pytest.mark.parametrize("table", raw_tables())
def test_a_table_without_rows_keeps_every_rule(table: str) -> None:
    """A file of a header alone is legal."""
    verdict = check_raw(table, [])
    assert (verdict.status, verdict.rows) == ("passed", 0)


def test_clean_features_keep_every_rule() -> None:
    """A clean feature table passes, and the verdict lists every rule as kept."""
    verdict = check_features([clean_features()])
    assert verdict.status == "passed"
    assert set(verdict.kept_rules) == {*OF_FEATURES, "features.columns"}


@pytest.mark.parametrize("table", raw_tables())
def test_pandera_itself_agrees(table: str) -> None:
    """Pandera, run on the same rows, objects to what the compiled rules object to, nothing else."""
    assert objections_of_pandera(table) == {
        outcome.rule for outcome in broken_in_bulk(table).values() if outcome.rule not in REFERENCES
    }


def objections_of_pandera(table: str) -> set[str]:
    """The rules that Pandera's own validation finds broken in the bulk of breaking rows."""
    import ibis
    from pandera.errors import SchemaErrors

    broken_in_bulk(table)
    schema = raw_schema(raw_tables()[table], EVERY_COLUMN)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")  # Ibis calls DuckDB by names that are deprecated
        rows = ibis.duckdb.from_connection(connection()).table(f"bulk_{table}")
        with pytest.raises(SchemaErrors) as refusal:
            schema.validate(rows, lazy=True)
    said = " ".join(str(warning.message) for warning in warned)
    errors = {_pandera_rule(table, error) for error in refusal.value.schema_errors}
    return errors | {rule for rule in RAW if rule in said}


def _pandera_rule(table: str, error: SchemaError) -> str:
    if error.reason_code is not None and error.reason_code.name == "SERIES_CONTAINS_NULLS":
        return f"{table}.{error.schema.name}.not_null"
    return str(error.check.name)
