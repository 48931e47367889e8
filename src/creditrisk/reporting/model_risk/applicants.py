"""Applicants of the test side that the report works through, one for each decision."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from creditrisk.reporting.model_risk.evidence import WorkedApplicant
from creditrisk.scoring.decisions import decision_of, grade_of

if TYPE_CHECKING:
    import pyarrow as pa

    from creditrisk.core.settings import PolicySettings
    from creditrisk.scoring.scorer import Scorer

_TITLES: Mapping[str, str] = MappingProxyType(
    {
        "decline": "An applicant who is declined",
        "refer": "An applicant whom a person decides on",
        "approve": "An applicant who is approved",
    }
)


def typical_applicants(
    table: pa.Table, scorer: Scorer, policy: PolicySettings
) -> Iterator[WorkedApplicant]:
    """The applicant with the middle PD of each decision; none of a decision that nobody has."""
    pds = scorer.probabilities(table)
    decisions = decision_of(pds, policy)
    for decision, title in _TITLES.items():
        rows = np.flatnonzero(decisions == decision)
        if not rows.size:
            continue
        row = int(rows[np.argsort(pds[rows], kind="stable")[rows.size // 2]])
        (reasons,) = scorer.explain(table.slice(row, 1))
        grade = str(grade_of(pds[row : row + 1], policy)[0])
        yield WorkedApplicant(title, float(pds[row]), grade, decision, reasons)
