"""The errors of scoring."""

from __future__ import annotations

from creditrisk.core.errors import CreditRiskError


class NotProbabilities(CreditRiskError):
    """Numbers that are to be decided on are no probabilities."""

    def __init__(self, count: int, first: float) -> None:
        super().__init__(
            f"Not decided: {count} PD(s) are no probability, the first is {first:g}; "
            "every PD must lie between 0 and 1."
        )
