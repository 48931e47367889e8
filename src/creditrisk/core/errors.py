"""The errors that this platform raises on purpose.

A class takes the facts and composes one message: what was refused, what was seen, what is
required. `exit_code` is what a stage exits with: 1 for a refusal, 2 for misuse.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError


class CreditRiskError(Exception):
    """Base of every error raised on purpose; its text is fit to be shown to a person."""

    exit_code = 1


class Misuse(CreditRiskError):
    """The caller asked for something that cannot be done: a wrong flag, a wrong setting."""

    exit_code = 2


class InvalidSettings(Misuse):
    """`params.yaml` or an override of it is not valid."""

    def __init__(self, path: Path, problems: list[str]) -> None:
        self.path = path
        self.problems = problems
        super().__init__(f"{path} is not valid:\n  " + "\n  ".join(problems))


class MissingFile(CreditRiskError):
    """A file that a stage needs is not there."""

    def __init__(self, path: Path, needed_for: str, remedy: str) -> None:
        self.path = path
        super().__init__(f"{path} does not exist, {needed_for} needs it. {remedy}")


class UnreadableReport(CreditRiskError):
    """A report file exists but does not hold what its model requires."""

    def __init__(self, path: Path, report: str, problems: list[str]) -> None:
        self.path = path
        super().__init__(f"{path} is not a valid {report}:\n  " + "\n  ".join(problems))


def validation_problems(error: ValidationError) -> list[str]:
    """What Pydantic found wrong, a line each: the place, where it names one, and the reason."""
    return [
        ": ".join(filter(None, (".".join(map(str, problem["loc"])), problem["msg"])))
        for problem in error.errors()
    ]
