"""One table of a request: its cells, its keys, its rules across columns and rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field

from creditrisk.contracts.request_cells import BrokenCell, CellChecks, Row
from creditrisk.contracts.request_contract import RequestTable
from creditrisk.contracts.request_nesting import NestedTable
from creditrisk.contracts.request_rows import BrokenRow, RowChecks
from creditrisk.contracts.request_violations import (
    Findings,
    Violation,
    pointer,
    shortened,
    shown,
)
from creditrisk.contracts.tables import APPLICANT_KEY


@dataclass
class CheckedTable:
    """A table's rows with true types and all keys, as far as they were looked at.

    `unsound` are the rows, by column, whose cell is broken and stands for no value.
    """

    nested: NestedTable
    parent: CheckedTable | None
    rows: list[Row] = field(default_factory=list)
    unsound: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))

    def applicant(self, row: int) -> int | None:
        """Whose row it is, where that can be told."""
        if self.parent is not None:
            return self.parent.applicant(self.nested.parents[row])
        if row >= len(self.rows) or row in self.unsound.get(APPLICANT_KEY, ()):
            return None
        return int(self.rows[row][APPLICANT_KEY])


class TableChecks:
    """A table's rows against its part of the contract."""

    def __init__(
        self, table: RequestTable, required: Collection[str], nested: Collection[str]
    ) -> None:
        self._table = table
        self._cells = CellChecks(table, required, nested)
        self._rows = RowChecks(table)

    def checked(
        self,
        nested: NestedTable,
        parent: CheckedTable | None,
        findings: Findings,
        warnings: Findings,
    ) -> CheckedTable:
        """The rows, all of them unless the findings are full."""
        table = CheckedTable(nested, parent)
        for rows, broken in self._cells.checked(nested.rows):
            table.rows += rows
            for cell in broken:
                table.unsound[cell.column].add(cell.row)
            for cell in broken:
                findings.add(_of_cell, table, cell)
            if findings.full:
                return table
        if parent is not None:
            self._inherit(table, parent, findings)
        for cell in self._cells.warnings(table.rows):
            warnings.add(_of_cell, table, cell)
        for broken_row in self._rows.broken(table.rows, table.unsound):
            place = findings if broken_row.rule.level == "error" else warnings
            place.add(_of_row, table, broken_row)
        return table

    def _inherit(self, table: CheckedTable, parent: CheckedTable, findings: Findings) -> None:
        """Give each row its parent's keys; a key that it has itself must be the same."""
        parents = table.nested.parents
        for name in self._table.inherited:
            unknown, broken = parent.unsound.get(name, ()), table.unsound.get(name, ())
            for number, row in enumerate(table.rows):
                above = parents[number]
                key = parent.rows[above][name]
                if above in unknown:
                    table.unsound[name].add(number)
                elif number not in broken and row.get(name, key) != key:
                    findings.add(_of_key, table, number, name, row[name], key)
                row[name] = key


def _of_cell(table: CheckedTable, cell: BrokenCell) -> Violation:
    return Violation(
        record=table.nested.record(cell.row),
        applicant=table.applicant(cell.row),
        path=pointer(*table.nested.path(cell.row), cell.column),
        column=shortened(cell.column),
        rule=cell.rule,
        seen=cell.seen,
        required=cell.required,
    )


def _of_row(table: CheckedTable, broken: BrokenRow) -> Violation:
    row, rule = table.rows[broken.row], broken.rule
    return Violation(
        record=table.nested.record(broken.row),
        applicant=table.applicant(broken.row),
        path=pointer(*table.nested.path(broken.row)),
        column=", ".join(rule.columns),
        rule=rule.id,
        seen=", ".join(shown(row[name]) for name in rule.columns),
        required=rule.description,
    )


def _of_key(table: CheckedTable, number: int, name: str, seen: int, required: int) -> Violation:
    return Violation(
        record=table.nested.record(number),
        applicant=table.applicant(number),
        path=pointer(*table.nested.path(number), name),
        column=name,
        rule="request.nesting",
        seen=str(seen),
        required=f"{required}, which the row has that it stands in; or leave it out",
    )
