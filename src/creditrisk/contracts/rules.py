"""Rules that one column alone cannot state: across columns, across rows, across tables.

A rule is a Pandera check: called with Pandera's view of a table it returns an Ibis boolean. It
also says which rows break it, as an Ibis relation, from which `ValidationRunner` counts and
samples. Both come from the one expression in `holds`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from ibis.expr import types as ir

Level = Literal["error", "warning"]
# The result is an Ibis boolean; Ibis gives columns reached by attribute no type.
Condition = Callable[["ir.Table"], Any]

_HOLDS = "contract_holds"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One sentence that data must satisfy.

    `bound` is the share of rows that may break the rule before it is reported: real data does
    not keep every rule in every row. `columns` are shown in samples, after the table's key.
    """

    id: str
    level: Level
    description: str
    columns: tuple[str, ...]
    bound: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RowRule(Rule):
    """A rule that each row keeps or breaks alone; a row that nulls leave undecided breaks it."""

    holds: Condition

    def __call__(self, data: Any) -> ir.BooleanColumn:
        """Pandera's check function."""
        return self.kept(data.table)

    def kept(self, rows: ir.Table) -> ir.BooleanColumn:
        """Whether each row keeps the rule, never null."""
        return self.holds(rows).fill_null(False)  # noqa: FBT003 (a value, not a flag)


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRule(Rule):
    """A rule that all rows with the same `key` keep or break together; `holds` aggregates."""

    key: tuple[str, ...]
    holds: Condition

    def __call__(self, data: Any) -> ir.BooleanScalar:
        """Pandera's check function."""
        return self._groups(data.table)[_HOLDS].all().fill_null(True)  # noqa: FBT003 (a value)

    def kept(self, rows: ir.Table) -> ir.BooleanScalar:
        """Whether a group keeps the rule, never null; for use in an aggregation by `key`."""
        return self.holds(rows).fill_null(False)  # noqa: FBT003 (a value)

    def violating(self, rows: ir.Table) -> ir.Table:
        """The groups that break the rule: their key and their number of rows."""
        groups = self._groups(rows)
        return groups.filter(~groups[_HOLDS]).drop(_HOLDS)

    def _groups(self, rows: ir.Table) -> ir.Table:
        measures = {"ROWS": rows.count(), _HOLDS: self.kept(rows)}
        return rows.group_by(list(self.key)).aggregate(**measures)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceRule(Rule):
    """Each row's `columns[0]` stands in the column of the same name of the table `parent`."""

    parent: str

    def kept(self, rows: ir.Table, parents: ir.Table) -> ir.BooleanColumn:
        """Whether each row has a parent."""
        return rows[self.columns[0]].isin(parents[self.columns[0]])
