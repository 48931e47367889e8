"""What is refused of a file of outcomes as a whole; single rows are refused by reason."""

from __future__ import annotations

from collections.abc import Sequence

from creditrisk.core.errors import CreditRiskError, Misuse


class UnreadableOutcomes(CreditRiskError):
    """A file is neither CSV nor Parquet."""

    def __init__(self, shown: str, reason: str) -> None:
        super().__init__(f"{shown} not loaded: {reason}. Nothing was recorded.")


class MissingOutcomeColumns(CreditRiskError):
    """A file lacks a column without which no outcome can be joined."""

    def __init__(self, shown: str, missing: str, seen: Sequence[str]) -> None:
        super().__init__(
            f"{shown} not loaded: it has no column {missing}; it has {', '.join(seen[:20])}. "
            "Nothing was recorded."
        )


class NoOutcomes(CreditRiskError):
    """A file has columns and no row."""

    def __init__(self, shown: str) -> None:
        super().__init__(f"{shown} not loaded: it holds no outcome. Nothing was recorded.")


class LoadsNeverRest(CreditRiskError):
    """Again and again another load came first."""

    def __init__(self, attempts: int) -> None:
        super().__init__(
            f"Outcomes not loaded: other loads came first {attempts} times. Nothing was recorded; "
            "load the file again."
        )


class FutureDay(Misuse):
    """Outcomes are to be judged as of a day that has not come."""

    def __init__(self, as_of: str, today: str) -> None:
        super().__init__(
            f"--as-of {as_of} refused: today is {today} (UTC), and an outcome of a later day is "
            "not known yet."
        )
