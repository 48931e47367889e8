"""The JSON Schema of a request says of single cells what the checks say."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import jsonschema
import pytest

from creditrisk.contracts.tables import APPLICANT_KEY
from creditrisk.features.catalogue import load_catalogue
from payloads import application_record, feature_record, request_checks

CHECKS = request_checks(max_records=2)
REMOVED = ...  # in the place of a cell: the column is left out


@cache
def validator(form: str) -> jsonschema.Draft202012Validator:
    schema = CHECKS.json_schemas()[form]
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def accepted(body: dict[str, Any]) -> tuple[bool, bool]:
    """Whether the schema accepts a body, and whether the checks do."""
    form = "features" if "features" in body else "applications"
    errors, _ = CHECKS.violations(json.dumps(body).encode())
    return validator(form).is_valid(body), not errors


def changed(record: dict[str, Any], **values: Any) -> dict[str, Any]:
    record |= values
    return {name: value for name, value in record.items() if value is not REMOVED}


def test_the_schema_accepts_what_the_checks_accept() -> None:
    """Clean rows of either form are valid, with a threshold and without, at 5 and at 5.0."""
    assert accepted({"features": [feature_record()]}) == (True, True)
    assert accepted({"features": [feature_record(CNT_CHILDREN=5.0)], "threshold": 0.2})[0]
    assert accepted({"applications": [application_record()]}) == (True, True)
    bare = changed(application_record(), bureau=REMOVED, previous_application=[])
    assert accepted({"applications": [bare]}) == (True, True)


@pytest.mark.parametrize(
    "values",
    [
        {"EXT_SOURCE_1": 1.5},
        {"EXT_SOURCE_1": "0.5"},
        {"EXT_SOURCE_1": True},
        {"EXT_SOURCE_1": REMOVED},
        {"CODE_GENDER": "other"},
        {"CODE_GENDER": None},
        {"AMT_CREDIT": None},
        {"CNT_CHILDREN": 1.5},
        {"FOREIGN": 1},
        {APPLICANT_KEY: 0},
        {APPLICANT_KEY: 2**53},
        {APPLICANT_KEY: REMOVED},
    ],
    ids=str,
)
def test_both_refuse_a_wrong_cell(values: dict[str, Any]) -> None:
    """Types, nulls, ranges, categories, unknown and missing columns are in the schema."""
    assert accepted({"features": [changed(feature_record(), **values)]}) == (False, False)
    assert accepted({"applications": [changed(application_record(), **values)]}) == (False, False)


@pytest.mark.parametrize(
    "nested",
    [
        {"bureau": None},
        {"bureau": {}},
        {"bureau": [5]},
        {"bureau": [{}]},
        {"previous_application": [{"installments_payments": [{"AMT_PAYMENT": -1}]}]},
        {"bureau_balance": []},
    ],
    ids=str,
)
def test_both_refuse_wrong_nesting(nested: dict[str, Any]) -> None:
    """Histories are lists of rows in the row that they belong to."""
    assert accepted({"applications": [application_record(**nested)]}) == (False, False)


@pytest.mark.parametrize(
    "body",
    [
        {"features": []},
        {"features": [feature_record(SK_ID_CURR=number) for number in (1, 2, 3)]},
        {"features": feature_record()},
        {"features": [feature_record()], "threshold": 1.1},
        {"features": [feature_record()], "threshold": None},
        {"features": [feature_record()], "threshold": True},
        {"features": [feature_record()], "other": 1},
    ],
    ids=["none", "too many", "no list", "above 1", "null", "true", "unknown member"],
)
def test_both_refuse_a_wrong_body(body: dict[str, Any]) -> None:
    """The number of records, the threshold and the members of the body are in the schema."""
    assert accepted(body) == (False, False)


def test_a_text_that_only_draws_a_remark_is_valid() -> None:
    """An unknown category in a column that no feature reads is accepted, empty text is not."""
    assert accepted({"applications": [application_record(OCCUPATION_TYPE="Pilot")]}) == (True, True)
    assert accepted({"applications": [application_record(OCCUPATION_TYPE="")]}) == (False, False)


def test_only_what_the_model_reads_is_required() -> None:
    """Features that the model does not read may be left out."""
    schema = request_checks(["EXT_SOURCE_1"]).json_schemas()["features"]
    rows = schema["properties"]["features"]["items"]
    assert rows["required"] == [APPLICANT_KEY, "EXT_SOURCE_1"]
    assert set(rows["properties"]) == {APPLICANT_KEY, *load_catalogue().names}


def test_a_schema_stands_alone() -> None:
    """It refers to nothing, so that it can be put into any document."""
    assert "$ref" not in json.dumps(CHECKS.json_schemas())


def test_rules_across_columns_are_told_in_words() -> None:
    """What the schema cannot express its description says."""
    rows = CHECKS.json_schemas()["applications"]["properties"]["applications"]["items"]
    assert "nobody is employed before birth" in rows["description"]
