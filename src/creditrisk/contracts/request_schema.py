"""The forms of a request as JSON Schema (2020-12), derived from their sealed contract.

A schema knows single cells: rules across columns and rows, listed in its description, are looked at
when a request is checked.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence
from typing import Any

from creditrisk.contracts.request_contract import RequestColumn, RequestContract, RequestTable

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_TYPES = {"integer": "integer", "real": "number", "category": "string"}

Schema = dict[str, Any]


def request_schema(
    contract: RequestContract, form: str, features: Collection[str], max_records: int
) -> Schema:
    """The schema of a body of one form; it refers to nothing outside itself."""
    rows = (
        _rows_schema(contract.features, features, {})
        if form == "features"
        else _nested_schema(contract.tables, contract.tables[0])
    )
    records = {"type": "array", "minItems": 1, "maxItems": max_records, "items": rows}
    schema: Schema = {
        "$schema": DIALECT,
        "title": form,
        "type": "object",
        "properties": {form: records, "threshold": _threshold_schema()},
        "required": [form],
        "additionalProperties": False,
    }
    return schema if form == "features" else schema | {"examples": [contract.example]}


def _threshold_schema() -> Schema:
    meaning = "PD from which the prediction is 1, in the place of the model's own threshold."
    return {"type": "number", "minimum": 0, "maximum": 1, "description": meaning}


def _nested_schema(tables: Sequence[RequestTable], table: RequestTable) -> Schema:
    nested = {
        child.name: {"type": "array", "items": _nested_schema(tables, child)}
        for child in tables
        if child.parent == table.name
    }
    required = {column.name for column in table.columns}.difference(table.inherited)
    return _rows_schema(table, required, nested)


def _rows_schema(table: RequestTable, required: Collection[str], nested: Schema) -> Schema:
    columns = {column.name: _cell_schema(column) for column in table.columns}
    return {
        "type": "object",
        "description": _row_words(table),
        "properties": columns | nested,
        "required": [name for name in columns if name in required],
        "additionalProperties": False,
    }


def _row_words(table: RequestTable) -> str:
    rules = [rule.description for rule in (*table.row_rules, *table.group_rules)]
    words = f"A row of {table.name}."
    return f"{words} Its rules: {'; '.join(rules)}." if rules else words


def _cell_schema(column: RequestColumn) -> Schema:
    kind = _TYPES[column.type]
    schema: Schema = {"type": [kind, "null"] if column.nullable else kind}
    schema |= _text_schema(column) if column.type == "category" else _number_schema(column)
    return schema | ({"description": column.description} if column.description else {})


def _number_schema(column: RequestColumn) -> Schema:
    bounds = column.range
    if bounds is None or bounds.level != "error" or bounds.maximum == sys.float_info.max:
        return {}
    return {"minimum": bounds.minimum, "maximum": bounds.maximum}


def _text_schema(column: RequestColumn) -> Schema:
    categories = column.categories
    if categories is None:
        return {"minLength": 1}
    if categories.level != "error":
        return {"minLength": 1, "examples": list(categories.categories)}
    return {"enum": [*categories.categories, *([None] if column.nullable else [])]}
