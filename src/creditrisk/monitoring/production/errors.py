"""What production monitoring refuses, and in which words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from creditrisk.core.errors import CreditRiskError, Misuse


class InvalidWindow(Misuse):
    """The flags name no stretch of time."""

    def __init__(self, seen: str, required: str) -> None:
        super().__init__(f"{seen} refused; required is {required}.")


class OneSourceNeeded(Misuse):
    """Either a pull or the ledger is measured."""

    def __init__(self) -> None:
        super().__init__(
            "Name what is measured: either --current FILE_OR_URL, or --ledger with --last or --since."
        )


class UnreadablePull(CreditRiskError):
    """A file is not what its name says."""

    def __init__(self, shown: str, seen: str, required: str) -> None:
        super().__init__(f"{shown} refused: {seen}; required is {required}. Nothing was measured.")


class NotAPull(CreditRiskError):
    """A file can be read, but holds nothing that the model reads."""

    def __init__(self, shown: str, columns: Sequence[str]) -> None:
        seen = ", ".join(columns[:5]) + (", ..." if len(columns) > 5 else "")  # noqa: PLR2004
        super().__init__(
            f"{shown} refused: of its {len(columns)} columns ({seen}) none is an input of the model "
            "or a column of application_test.csv; required is a feature table or a raw file of "
            "applications. Nothing was measured."
        )


class EmptyPull(CreditRiskError):
    """A pull without applicants says nothing, least of all that nothing moved."""

    def __init__(self, shown: str, why: str = "it holds no applicant") -> None:
        super().__init__(f"{shown} refused: {why}; required is at least one. Nothing was measured.")


class ForeignReference(CreditRiskError):
    """The rows that a domain classifier is to compare with are not those of the model."""

    def __init__(self, path: Path, seen: str, required: str) -> None:
        super().__init__(
            f"{path} refused as reference: its sha256 is {seen[:12]}, the model was trained on "
            f"{required[:12]}. Name the training side of this model, or none. Nothing was measured."
        )
