"""The cells of a table's rows: of the right type, and each within the rules of its column."""

from __future__ import annotations

import math
import sys
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import CoreSchema, SchemaValidator, ValidationError, core_schema

from creditrisk.contracts.request_contract import (
    Categories,
    ColumnRule,
    NotNull,
    Range,
    RequestColumn,
    RequestTable,
)
from creditrisk.contracts.request_violations import shown
from creditrisk.contracts.schemas import LARGEST_EXACT_INTEGER

Row = dict[str, Any]

_CHUNK_ROWS = 64  # what a hostile body can make of one chunk stays small
_MISSING = "missing"
_UNKNOWN = "extra_forbidden"
_NOUNS = {"integer": "a whole number", "real": "a finite number", "category": "text, not empty"}


@dataclass(frozen=True, slots=True)
class BrokenCell:
    """A cell that is missing, unknown or refused by a rule of its column."""

    row: int
    column: str
    rule: str
    seen: str
    required: str


class CellChecks:
    """The cells of a table's rows against their columns.

    Args:
        table: the columns and their rules.
        required: the columns that each row must have; the others are checked where they stand.
        nested: further names, of what is nested in a row.
    """

    def __init__(
        self, table: RequestTable, required: Collection[str], nested: Collection[str]
    ) -> None:
        self._table = table
        self._columns = {column.name: column for column in table.columns}
        fields = {
            column.name: core_schema.typed_dict_field(
                _cell_schema(column), required=column.name in required
            )
            for column in table.columns
        }
        fields |= {
            name: core_schema.typed_dict_field(core_schema.any_schema(), required=False)
            for name in nested
        }
        row = core_schema.typed_dict_schema(fields, strict=True, extra_behavior="forbid")
        self._validator = SchemaValidator(core_schema.list_schema(row, strict=True))
        self._warnings = [
            (column.name, rule)
            for column in table.columns
            for rule in column.rules
            if rule.level == "warning"
        ]

    def checked(self, rows: Sequence[Row]) -> Iterator[tuple[list[Row], list[BrokenCell]]]:
        """Chunks of rows with each cell as its column has it: 5.0 is 5 in a column of integers.

        Yields:
            The rows, with a cell that keeps every rule in the place of each broken one, and their
            broken cells.
        """
        for start in range(0, len(rows), _CHUNK_ROWS):
            chunk = list(rows[start : start + _CHUNK_ROWS])
            try:
                yield self._validator.validate_python(chunk), []
            except ValidationError as error:
                broken = [self._broken(start, chunk, problem) for problem in _problems(error)]
                repaired = self._repaired(start, chunk, broken)
                yield self._validator.validate_python(repaired), broken

    def warnings(self, rows: Sequence[Row]) -> Iterator[BrokenCell]:
        """The cells that break a rule which refuses nothing."""
        for name, rule in self._warnings:
            cells = [row.get(name) for row in rows]
            if any(_breaks(rule, cell) for cell in set(cells)):
                for number, cell in enumerate(cells):
                    if name in rows[number] and _breaks(rule, cell):
                        yield BrokenCell(number, name, rule.id, shown(cell), rule.description)

    def _broken(self, start: int, chunk: Sequence[Row], problem: Any) -> BrokenCell:
        number, name = problem["loc"][:2]
        rule = self._table.columns_rule
        if problem["type"] == _UNKNOWN:
            required = f"only columns of {self._table.name}"
            return BrokenCell(start + number, name, rule, "an unknown column", required)
        column = self._columns[name]
        if problem["type"] == _MISSING:
            required = _required(column)
            return BrokenCell(start + number, name, rule, "the column is missing", required)
        value = chunk[number][name]
        broken_rule = _rule_broken_by(column, value) or rule
        return BrokenCell(start + number, name, broken_rule, shown(value), _required(column))

    def _repaired(
        self, start: int, chunk: Sequence[Row], broken: Sequence[BrokenCell]
    ) -> list[Row]:
        repaired = list(chunk)
        for number in {cell.row - start for cell in broken}:
            repaired[number] = dict(chunk[number])
        for cell in broken:
            row = repaired[cell.row - start]
            if cell.column in self._columns:
                row[cell.column] = _harmless(self._columns[cell.column])
            else:
                del row[cell.column]
        return repaired


def _problems(error: ValidationError) -> list[Any]:
    return error.errors(include_url=False, include_context=False, include_input=False)


def _cell_schema(column: RequestColumn) -> CoreSchema:
    schema = _value_schema(column)
    return core_schema.nullable_schema(schema) if column.nullable else schema


def _value_schema(column: RequestColumn) -> CoreSchema:
    if column.type == "category":
        categories = _enforced(column.categories)
        if isinstance(categories, Categories):
            return core_schema.literal_schema(list(categories.categories))
        return core_schema.str_schema(strict=True, min_length=1)
    low, high = _bounds(column)
    number = core_schema.float_schema(strict=True, allow_inf_nan=False, ge=low, le=high)
    if column.type == "real":
        return number
    # Strictly a number first: an integer's own schema takes "5" and true.
    return core_schema.chain_schema([number, core_schema.int_schema()])


def _bounds(column: RequestColumn) -> tuple[float, float] | tuple[None, None]:
    """The bounds of a number; an integer stays one that JSON has whatever rule is relaxed."""
    bounds = _enforced(column.range)
    if isinstance(bounds, Range):
        return bounds.minimum, bounds.maximum
    exact = float(LARGEST_EXACT_INTEGER)
    return (-exact, exact) if column.type == "integer" else (None, None)


def _enforced(rule: ColumnRule | None) -> ColumnRule | None:
    return rule if rule is not None and rule.level == "error" else None


def _rule_broken_by(column: RequestColumn, value: Any) -> str | None:
    """The rule of the column that a value of its type breaks."""
    if value is not None and not _is_of_type(column, value):
        return None
    return next((rule.id for rule in column.rules if _breaks(rule, value)), None)


def _is_of_type(column: RequestColumn, value: Any) -> bool:
    if column.type == "category":
        return isinstance(value, str) and value != ""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    if column.type == "real" or isinstance(value, int):
        return True
    return value.is_integer() or not math.isfinite(value)


def _breaks(rule: ColumnRule, value: Any) -> bool:
    if isinstance(rule, NotNull):
        return value is None
    if value is None:
        return False
    if isinstance(rule, Range):
        return not rule.minimum <= value <= rule.maximum
    return value not in rule.categories


def _harmless(column: RequestColumn) -> Any:
    """A cell that keeps every rule of its column."""
    if column.nullable:
        return None
    if column.type == "category":
        categories = column.categories
        return categories.categories[0] if categories else "any"
    bounds = column.range
    value = min(max(0, bounds.minimum), bounds.maximum) if bounds else 0
    return int(value) if column.type == "integer" else float(value)


def _required(column: RequestColumn) -> str:
    """What a cell of the column must be, in words."""
    categories, bounds = _enforced(column.categories), _enforced(column.range)
    words = _NOUNS[column.type]
    if isinstance(categories, Categories):
        words = "one of " + ", ".join(categories.categories)
    elif isinstance(bounds, Range):
        words += _within(bounds)
    return f"{words}, or null" if column.nullable else words


def _within(bounds: Range) -> str:
    if bounds.maximum == sys.float_info.max:
        return ""
    return f" between {bounds.minimum:,} and {bounds.maximum:,}"
