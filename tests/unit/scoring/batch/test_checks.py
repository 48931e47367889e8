"""Rows against the contract sealed with the model."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from batch_runs import FIRST_ID, Batches, feature_rows, lines_of, with_cell

from creditrisk.contracts.request_violations import RequestRefused
from creditrisk.contracts.requests import RequestChecks
from creditrisk.core.settings import PolicySettings
from creditrisk.scoring.batch.checks import RowChecks
from creditrisk.scoring.batch.chunk_scoring import ChunkScorer
from creditrisk.scoring.batch.errors import UncheckedRules
from creditrisk.scoring.batch.feature_file import Chunk

BROKEN = [
    ("EXT_SOURCE_2", 1.5, "features.EXT_SOURCE_2.range"),
    ("EXT_SOURCE_2", float("nan"), "features.EXT_SOURCE_2.range"),
    ("EXT_SOURCE_2", float("inf"), "features.EXT_SOURCE_2.range"),
    ("CREDIT_TO_INCOME", -0.1, "features.CREDIT_TO_INCOME.range"),
    ("CNT_CHILDREN", 51, "features.CNT_CHILDREN.range"),
    ("CNT_CHILDREN", None, "features.CNT_CHILDREN.not_null"),
    ("NAME_INCOME_TYPE", "Astronaut", "features.NAME_INCOME_TYPE.categories"),
    ("NAME_INCOME_TYPE", None, "features.NAME_INCOME_TYPE.not_null"),
    ("SK_ID_CURR", 0, "features.SK_ID_CURR.range"),
    ("SK_ID_CURR", None, "features.SK_ID_CURR.not_null"),
]
"""The cells that break a rule of the contract, and the rule."""


@pytest.mark.parametrize(("column", "value", "rule"), BROKEN)
def test_a_row_that_breaks_a_rule_is_rejected_alone(
    batches: Batches, column: str, value: Any, rule: str
) -> None:
    """The row goes to the side file with rule, column and value; the others are scored."""
    summary = batches.run(batches.saved(with_cell(feature_rows(6), column, 4, value)))
    (reject,) = batches.rejects()
    assert (reject["row"], reject["rule"], reject["column"]) == (4, rule, column)
    assert reject["sk_id_curr"] == (value if column == "SK_ID_CURR" else FIRST_ID + 3)
    assert (summary.output.rows, summary.rejects.by_rule) == (5, {rule: 1})


@pytest.mark.parametrize(("column", "value", "rule"), BROKEN)
def test_the_api_refuses_the_same_row_by_the_same_rule(
    batches: Batches, column: str, value: Any, rule: str
) -> None:
    """Batch and API check by one contract: what the one rejects, the other refuses."""
    row = with_cell(feature_rows(1).drop(["TARGET"]), column, 1, value).to_pylist()[0]
    bundle = batches.model.scorer.bundle
    names = [feature.name for feature in bundle.manifest.features]
    checks = RequestChecks(bundle.request_contract(), names, 10)
    with pytest.raises(RequestRefused) as refused:
        checks.features(request_body(row))
    if not isinstance(value, float) or math.isfinite(value):  # JSON has no others
        assert [violation.rule for violation in refused.value.violations] == [rule]


def request_body(row: dict[str, Any]) -> bytes:
    return json.dumps({"features": [row]}).encode()


def test_a_row_is_told_of_each_rule_that_it_breaks(batches: Batches) -> None:
    """A row with two faults has two lines, in the order of rows."""
    table = with_cell(feature_rows(5), "CNT_CHILDREN", 2, -1)
    table = with_cell(table, "EXT_SOURCE_2", 2, 7.0)
    summary = batches.run(batches.saved(with_cell(table, "CNT_CHILDREN", 1, 99)))
    assert [(r["row"], r["column"]) for r in batches.rejects()] == [
        (1, "CNT_CHILDREN"),
        (2, "EXT_SOURCE_2"),
        (2, "CNT_CHILDREN"),
    ]
    assert summary.rejects.rows == 2


def test_a_fraction_in_an_integer_column_is_rejected(batches: Batches) -> None:
    """Integers stored as floats are taken, fractions are not."""
    table = feature_rows(4)
    place = table.schema.names.index("CNT_CHILDREN")
    table = table.set_column(place, "CNT_CHILDREN", pa.array([0.0, 2.0, 2.5, 1.0]))
    batches.run(batches.saved(table))
    (reject,) = batches.rejects()
    assert (reject["row"], reject["seen"], reject["required"]) == (3, 2.5, "a whole number")


def test_an_unreadable_cell_is_told_once(batches: Batches) -> None:
    """Text in a column that is never empty breaks the rule of types, not that of nulls too."""
    lines = [line.split(",") for line in lines_of(feature_rows(3))]
    lines[1][feature_rows(1).schema.names.index("CNT_CHILDREN")] = "two"
    batches.run(batches.text([",".join(line) for line in lines]))
    assert [r["rule"] for r in batches.rejects()] == ["features.columns"]


def test_a_signed_off_feature_that_the_model_does_not_read_is_checked_too(
    batches: Batches,
) -> None:
    """A column with a signed-off name keeps its rules, read or not."""
    table = feature_rows(3).append_column("AMT_CREDIT", [[1e5, -5.0, 2e5]])
    batches.run(batches.saved(table))
    assert [r["rule"] for r in batches.rejects()] == ["features.AMT_CREDIT.range"]


def test_other_columns_are_carried_unexamined(batches: Batches) -> None:
    """A column that no contract knows stays as it is."""
    table = feature_rows(3).append_column("branch", [["north", None, "south"]])
    batches.run(batches.saved(table))
    assert batches.answers().column("branch").to_pylist() == ["north", None, "south"]


def test_a_rule_across_columns_is_not_passed_over(batches: Batches) -> None:
    """A contract with a rule that chunks cannot be checked by refuses the batch."""
    contract = batches.model.scorer.bundle.request_contract()
    rule = contract.tables[0].row_rules[0]
    other = contract.features.model_copy(update={"row_rules": (rule,)})
    with pytest.raises(UncheckedRules, match=rule.id):
        RowChecks(other, feature_rows(1).schema, pa.array([], pa.int64()).to_numpy())


def test_a_relaxed_rule_warns(batches: Batches) -> None:
    """A rule of level warning rejects nobody; the summary counts its rows."""
    contract = batches.model.scorer.bundle.request_contract().features
    columns = tuple(
        column.model_copy(
            update={"rules": tuple(r.model_copy(update={"level": "warning"}) for r in column.rules)}
        )
        for column in contract.columns
    )
    relaxed = contract.model_copy(update={"columns": columns})
    table = with_cell(feature_rows(3), "EXT_SOURCE_2", 2, 7.0)

    checks = RowChecks(relaxed, table.schema, np.zeros(0, np.int64))
    scorer = ChunkScorer(batches.model.scorer, PolicySettings(), checks, reasons=False)
    scored = scorer.score(Chunk(0, np.arange(1, 4), table))
    assert scored.warnings == {"features.EXT_SOURCE_2.range": 1}
    assert not scored.rejects
