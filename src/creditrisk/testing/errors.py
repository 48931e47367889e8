"""The errors of evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from creditrisk.core.errors import CreditRiskError


class UnusableSplit(CreditRiskError):
    """A side of the split lacks what evaluation reads."""

    def __init__(self, path: Path, seen: str) -> None:
        super().__init__(f"{path} not evaluated: {seen}. Run split_data again.")


class IncompleteTruth(CreditRiskError):
    """The true PDs do not cover the applicants that are evaluated."""

    def __init__(self, path: Path, missing: Sequence[int], rows: int) -> None:
        examples = ", ".join(map(str, missing[:5]))
        super().__init__(
            f"{path} refused: it has no true PD for {len(missing)} of {rows} applicants (for "
            f"instance SK_ID_CURR {examples}); it must cover all of them or be empty. "
            "Raw files and true PDs must come from one run of ingest_data."
        )
