"""The applicants on whom two models are compared: those that neither was trained on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from creditrisk.contracts.tables import APPLICANT_KEY, TARGET
from creditrisk.core.errors import CreditRiskError
from creditrisk.core.files import sha256_of
from creditrisk.core.report import Part
from creditrisk.mlops.hold_out import HoldOut
from creditrisk.testing.scored_split import read_split

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

RULE = (
    "An applicant is on a model's test side where SHA-256 of 'SEED:ID' (or of the group's value) "
    "falls below the test share; that side is the same in every snapshot. Kept are the rows of the "
    "present test side that stand on the test side of both models."
)


class UnusableReferenceSet(CreditRiskError):
    """Applicants that neither model was trained on cannot be found."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path.as_posix()} is no reference set: {reason}.")


class ReferenceSummary(Part):
    """Which rows two models were compared on, and how many were left out."""

    path: str
    sha256: str
    rule: str
    hold_outs: dict[str, HoldOut]
    rows_in_split: int
    left_out: dict[str, int]
    rows: int
    defaults: int


@dataclass(frozen=True, slots=True)
class ReferenceSet:
    """Rows in key order with all their columns; `target` is 1 for default."""

    table: pa.Table
    target: NDArray[np.int8]
    summary: ReferenceSummary


def read_reference_set(path: Path, hold_outs: Mapping[str, HoldOut | None]) -> ReferenceSet:
    """The rows of a split file that are on the test side of every model.

    Args:
        path: the present test side.
        hold_outs: each model's rule, None where none was recorded.

    Raises:
        MissingFile, UnusableSplit: the file is not there, or is none.
        UnusableReferenceSet: a model's rule is not known, or its column is not in the file.
    """
    rules = {model: _known(path, model, rule) for model, rule in hold_outs.items()}
    table = _every_column(path)
    held = {model: _held(path, table, rule) for model, rule in rules.items()}
    kept = np.logical_and.reduce(list(held.values()))
    rows = table.filter(kept)
    target = rows.column(TARGET).to_numpy().astype(np.int8)
    summary = ReferenceSummary(
        path=path.as_posix(),
        sha256=sha256_of(path),
        rule=RULE,
        hold_outs=rules,
        rows_in_split=table.num_rows,
        left_out={model: int((~mask).sum()) for model, mask in held.items()},
        rows=rows.num_rows,
        defaults=int(target.sum()),
    )
    return ReferenceSet(rows, target, summary)


def _known(path: Path, model: str, rule: HoldOut | None) -> HoldOut:
    if rule is None:
        reason = f"it was not recorded which applicants the {model} was not trained on"
        raise UnusableReferenceSet(path, reason)
    return rule


def _every_column(path: Path) -> pa.Table:
    from pyarrow import parquet

    names = parquet.read_schema(path).names if path.exists() else []
    return read_split(path, [name for name in names if name not in {APPLICANT_KEY, TARGET}])


def _held(path: Path, table: pa.Table, rule: HoldOut) -> NDArray[np.bool_]:
    column = rule.unit_column
    if column not in table.column_names:
        raise UnusableReferenceSet(path, f"it has no column {column}, by which a model was split")
    return rule.holds(table.column(column).to_pylist())
