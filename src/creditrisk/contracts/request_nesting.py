"""Nested applications as flat tables, each row with its place in the body and its parent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from creditrisk.contracts.request_cells import Row
from creditrisk.contracts.request_contract import RequestTable
from creditrisk.contracts.request_violations import Findings, Violation, pointer, shown


@dataclass(frozen=True)
class NestedTable:
    """The rows of one table: each with the position of its parent's row and in its own list.

    Rows of the outermost table have no parent.
    """

    name: str
    parent: NestedTable | None
    rows: list[Row] = field(default_factory=list)
    parents: list[int] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)

    def path(self, row: int) -> tuple[str | int, ...]:
        """Where a row stands in the body."""
        if self.parent is None:
            return (self.name, self.positions[row])
        return (*self.parent.path(self.parents[row]), self.name, self.positions[row])

    def record(self, row: int) -> int:
        """The row of the outermost table that a row belongs to."""
        return row if self.parent is None else self.parent.record(self.parents[row])

    def append(self, row: Row, parent: int, position: int) -> None:
        """Add a row."""
        self.rows.append(row)
        self.parents.append(parent)
        self.positions.append(position)


def outermost(form: str, records: Sequence[Any], findings: Findings) -> NestedTable:
    """The records of a form that are objects."""
    table = NestedTable(form, None)
    for position, record in enumerate(records):
        if isinstance(record, dict):
            table.append(record, position, position)
        else:
            findings.add(_no_object, (form, position), position, record)
    return table


def nested_tables(
    outer: NestedTable, tables: Sequence[RequestTable], findings: Findings
) -> dict[str, NestedTable]:
    """All tables by name, parents first; `outer` stands for the first of them."""
    flat = {tables[0].name: outer}
    for table in tables[1:]:
        flat[table.name] = _nested(table, flat, findings)
    return flat


def _nested(
    table: RequestTable, flat: Mapping[str, NestedTable], findings: Findings
) -> NestedTable:
    parent = flat[str(table.parent)]
    nested = NestedTable(table.name, parent)
    for number, row in enumerate(parent.rows):
        listed = row.get(table.name)
        if listed is None and table.name not in row:
            continue
        if not isinstance(listed, list):
            findings.add(_no_list, parent, number, table.name, listed)
            continue
        for position, item in enumerate(listed):
            if isinstance(item, dict):
                nested.append(item, number, position)
            else:
                place = (*parent.path(number), table.name, position)
                findings.add(_no_object, place, parent.record(number), item)
    return nested


def _no_list(parent: NestedTable, row: int, name: str, value: Any) -> Violation:
    return Violation(
        record=parent.record(row),
        applicant=None,
        path=pointer(*parent.path(row), name),
        column=name,
        rule="request.nesting",
        seen=shown(value),
        required=f"a list of rows of {name}; empty, or left out, where there are none",
    )


def _no_object(place: tuple[str | int, ...], record: int, value: Any) -> Violation:
    return Violation(
        record=record,
        applicant=None,
        path=pointer(*place),
        column=None,
        rule="request.nesting",
        seen=shown(value),
        required="an object with a member for each column",
    )
