"""What a scoring request must look like, as data: derived from the Pandera contracts and sealed.

The API checks requests by this alone; it has neither Pandera nor Ibis.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import Field

from creditrisk.contracts.conditions import Condition
from creditrisk.contracts.rules import Level
from creditrisk.contracts.tables import ColumnType
from creditrisk.core.report import Part, Report

APPLICATION = "application"
FEATURES = "features"
KEY_PREFIX = "SK_ID_"

# In a payload the rows of a table stand in the row of its parent that they belong to.
PARENTS: Mapping[str, str] = MappingProxyType(
    {
        "bureau": APPLICATION,
        "bureau_balance": "bureau",
        "previous_application": APPLICATION,
        "installments_payments": "previous_application",
        "POS_CASH_balance": "previous_application",
        "credit_card_balance": "previous_application",
    }
)


class RequestRule(Part):
    """A rule that a request is checked by. A warning, or a relaxed error, refuses nothing."""

    id: str
    level: Level
    description: str
    relaxed_because: str | None = None


class NotNull(RequestRule):
    """The column is never null."""

    kind: Literal["not_null"] = "not_null"


class Range(RequestRule):
    """The column's numbers lie within both bounds."""

    kind: Literal["range"] = "range"
    minimum: int | float
    maximum: int | float


class Categories(RequestRule):
    """The column holds one of these texts."""

    kind: Literal["categories"] = "categories"
    categories: tuple[str, ...]


ColumnRule = Annotated[NotNull | Range | Categories, Field(discriminator="kind")]


class RequestColumn(Part):
    """A column: its type, the rules of its cells, what it means where that is known."""

    name: str
    type: ColumnType
    description: str | None
    rules: tuple[ColumnRule, ...]

    @property
    def nullable(self) -> bool:
        """Whether null is accepted, with a warning at most."""
        return not any(isinstance(rule, NotNull) and rule.level == "error" for rule in self.rules)

    @property
    def range(self) -> Range | None:
        """The rule that bounds the column's numbers."""
        return next((rule for rule in self.rules if isinstance(rule, Range)), None)

    @property
    def categories(self) -> Categories | None:
        """The rule that lists the column's texts."""
        return next((rule for rule in self.rules if isinstance(rule, Categories)), None)


class RowsRule(RequestRule):
    """A rule across columns that each row keeps or breaks alone."""

    columns: tuple[str, ...]
    condition: Condition


class GroupsRule(RowsRule):
    """A rule that all rows with the same `key` keep or break together."""

    key: tuple[str, ...]


class RequestTable(Part):
    """A table of a payload: its columns in order, its rules, and where its rows are nested.

    `inherited` are the columns that a nested row has from its parent and may leave out.
    """

    name: str
    parent: str | None
    inherited: tuple[str, ...]
    columns: tuple[RequestColumn, ...]
    row_rules: tuple[RowsRule, ...]
    group_rules: tuple[GroupsRule, ...]

    @property
    def columns_rule(self) -> str:
        """The rule that the columns are those of the contract, of its types."""
        return f"{self.name}.columns"

    @property
    def rules(self) -> Iterator[RequestRule]:
        """Every rule but `columns_rule`."""
        cells = chain.from_iterable(column.rules for column in self.columns)
        return chain(cells, self.row_rules, self.group_rules)


class RequestContract(Report):
    """`request_contract.json` of a bundle: both payload forms, and which rules cannot apply.

    `tables` are the seven raw tables, parents first; `features` is a row of the feature table.
    `example` is a body of made-up applications that keeps every rule.
    """

    tables: tuple[RequestTable, ...]
    features: RequestTable
    inapplicable: dict[str, str]
    example: dict[str, Any]
