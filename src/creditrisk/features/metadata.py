"""What `feature_metadata.json` says about the feature table beside it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict

from creditrisk.contracts.tables import APPLICANT_KEY, TARGET, Column, ColumnType
from creditrisk.core.report import Report
from creditrisk.features.catalogue import catalogue_text, load_catalogue
from creditrisk.features.queries import SQL_FILES, query

Role = Literal["key", "target", "group", "feature"]


class FeatureColumn(BaseModel):
    """One column of the feature table and what it is there for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    type: ColumnType
    categories: tuple[str, ...] = ()
    role: Role = "feature"


class FeatureMetadata(Report):
    """The columns of a feature table in order, and hashes of what defined them."""

    columns: tuple[FeatureColumn, ...]
    catalogue_sha256: str
    sql_sha256: dict[str, str]

    def names(self, role: Role) -> tuple[str, ...]:
        """The names of the columns that have a role, in order."""
        return tuple(column.name for column in self.columns if column.role == role)


def describe(carried: Sequence[Column]) -> FeatureMetadata:
    """The metadata of a feature table that carries the given raw columns beside the features."""
    return FeatureMetadata(
        columns=(
            FeatureColumn(name=APPLICANT_KEY, type="integer", role="key"),
            *(_described(column, "feature") for column in load_catalogue().columns()),
            *(_described(column, _carried_role(column)) for column in carried),
        ),
        catalogue_sha256=_sha256(catalogue_text()),
        sql_sha256={f"{name}.sql": _sha256(query(name)) for name in SQL_FILES},
    )


def _described(column: Column, role: Role) -> FeatureColumn:
    return FeatureColumn(
        name=column.name, type=column.type, categories=column.categories, role=role
    )


def _carried_role(column: Column) -> Role:
    return "target" if column.name == TARGET else "group"


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
