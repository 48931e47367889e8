"""Pandera schemas derived from column facts."""

from __future__ import annotations

import pytest

from creditrisk.contracts.schemas import (
    feature_schema,
    payload_schemas,
    raw_schema,
    reference_rules,
    rule_names,
)
from creditrisk.contracts.tables import APPLICANT_KEY, TARGET, Column, raw_tables

FEATURES = (Column("SCORE", "real", nullable=False, minimum=0, maximum=1),)


@pytest.mark.parametrize("table", raw_tables())
def test_a_schema_has_the_columns_of_its_table_in_order(table: str) -> None:
    """No column of a raw table is without contract."""
    assert tuple(raw_schema(raw_tables()[table]).columns) == raw_tables()[table].column_names


@pytest.mark.parametrize("table", raw_tables())
def test_every_check_carries_the_name_of_a_known_rule(table: str) -> None:
    """A rule that appears in a verdict can be relaxed by its name."""
    schema = raw_schema(raw_tables()[table])
    columns = [check.name for column in schema.columns.values() for check in column.checks]
    named = {*columns, *(check.name for check in schema.checks)}
    assert named <= set(rule_names(FEATURES))
    assert {rule.id for rule in reference_rules(table)} <= set(rule_names(FEATURES))


def test_a_payload_is_the_raw_tables_without_the_outcome() -> None:
    """What is posted for scoring keeps the contracts of training data, TARGET apart."""
    payload = payload_schemas()
    assert set(payload) == set(raw_tables())
    application = raw_tables()["application"].column_names
    assert [*payload["application"].columns] == [name for name in application if name != TARGET]
    for name in raw_tables():
        if name != "application":
            assert [c.name for c in payload[name].checks] == [
                c.name for c in raw_schema(raw_tables()[name]).checks
            ]


def test_a_feature_row_to_be_scored_has_no_outcome() -> None:
    """The contract of a feature row is that of the feature table without TARGET."""
    assert [*feature_schema(FEATURES).columns] == [APPLICANT_KEY, "SCORE", TARGET]
    assert [*feature_schema(FEATURES, labelled=False).columns] == [APPLICANT_KEY, "SCORE"]


def test_categories_that_no_feature_reads_only_warn() -> None:
    """Whether an unknown category refuses data depends on whether a feature reads the column."""
    table = raw_tables()["bureau"]
    (read,) = raw_schema(table, {("bureau", "CREDIT_ACTIVE")}).columns["CREDIT_ACTIVE"].checks
    (unread,) = raw_schema(table, {("other", "CREDIT_ACTIVE")}).columns["CREDIT_ACTIVE"].checks
    assert (read.raise_warning, unread.raise_warning) == (False, True)
