"""What keeps a simulation from being played."""

from __future__ import annotations

from pathlib import Path

from creditrisk.core.errors import CreditRiskError


class FolderTaken(CreditRiskError):
    """A simulation begins in an empty folder, or what is in it would be taken for its own."""

    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"Simulation refused: {folder} is not empty. Name another folder, or remove this one."
        )


class NoBaseline(CreditRiskError):
    """The first model was not trained and promoted, so that nobody could be decided on."""

    def __init__(self, folder: Path, last_lines: str) -> None:
        super().__init__(
            f"Simulation ended before its first month: the pipeline in {folder} failed.\n{last_lines}"
        )
