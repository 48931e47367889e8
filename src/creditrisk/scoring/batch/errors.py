"""What batch scoring refuses, and in which words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from creditrisk.core.errors import CreditRiskError, Misuse

if TYPE_CHECKING:
    from creditrisk.scoring.batch.rejects import Reject

_MOST_NAMED = 12


class UnsupportedFile(Misuse):
    """A file's name does not say that it is CSV or Parquet."""

    def __init__(self, shown: str, role: str) -> None:
        super().__init__(
            f"{shown} cannot be the {role}: its name must end in .csv or .parquet"
            f"{', or name a folder of raw tables' * (role == 'input')}."
        )


class OutputIsInput(Misuse):
    """Two roles name one file."""

    def __init__(self, shown: str, roles: Sequence[str]) -> None:
        super().__init__(f"{shown} cannot be both {' and '.join(roles)}; name another file.")


class InvalidBatchId(Misuse):
    """A batch id could not stand in a decision id."""

    def __init__(self, batch_id: str) -> None:
        super().__init__(
            f"Batch id {batch_id!r} refused: required are 8 to 40 letters, digits, - and _, a letter "
            "or digit first."
        )


class BatchIdTaken(Misuse):
    """The ledger already holds a batch of that id."""

    def __init__(self, batch_id: str) -> None:
        super().__init__(
            f"Batch id {batch_id} refused: the decision ledger holds a batch of that id. Name "
            "another, or none."
        )


class UnrecordedInProduction(Misuse):
    """Somebody wants decisions without a record where decisions count."""

    def __init__(self, variable: str) -> None:
        super().__init__(
            f"--no-ledger refused: {variable} is production, where every decision is recorded."
        )


class BrokenInput(CreditRiskError):
    """A file is not what its name says, or ends early."""

    def __init__(self, shown: str, seen: str, required: str) -> None:
        super().__init__(f"{shown} refused: {seen}; required is {required}. Nothing was written.")


class WrongInputColumns(CreditRiskError):
    """The columns of a feature table are not what the model and its contract need."""

    def __init__(self, shown: str, problems: Mapping[str, Sequence[str]]) -> None:
        lines = "".join(
            f"\n  {what}: {_listed(names)}" for what, names in problems.items() if names
        )
        super().__init__(f"{shown} refused as a feature table. Nothing was written.{lines}")


class RowRefused(CreditRiskError):
    """`--strict`: a row broke its contract."""

    def __init__(self, shown: str, reject: Reject) -> None:
        self.reject = reject
        super().__init__(
            f"{shown} refused at its first reject: {reject.sentence()}. Nothing was written. Without "
            "--strict the other rows are scored."
        )


class NothingToScore(CreditRiskError):
    """No row of the input could be scored."""

    def __init__(self, shown: str, rows: int, rejects: str | None) -> None:
        seen = f"all {rows:,} rows were rejected, see {rejects}" if rows else "it holds no row"
        super().__init__(
            f"{shown} refused: {seen}; required is at least one row that keeps its contract. No "
            "answers were written."
        )


class ChangedWhileRead(CreditRiskError):
    """The input is no longer what it was when the batch began."""

    def __init__(self, shown: str, file: str) -> None:
        super().__init__(
            f"{shown} refused: {file} was changed or replaced while it was scored; required is an "
            "input that stays as it is. Nothing was written."
        )


class CannotResume(CreditRiskError):
    """What an interrupted batch has left is of another batch."""

    def __init__(self, folder: Path, changes: Mapping[str, tuple[object, object]]) -> None:
        lines = "".join(
            f"\n  {name}: {now}, was {before}" for name, (before, now) in changes.items()
        )
        super().__init__(
            f"{folder} cannot be resumed, this is another batch:{lines}\nRepeat the old one, or "
            "start anew without --resume."
        )


class BatchRunning(CreditRiskError):
    """Another process writes the same output."""

    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"{folder} is in use by another batch-predict; this one changed nothing. Wait until it "
            "has ended, or name another output."
        )


class UncheckedRules(CreditRiskError):
    """The model's contract has rules that chunks of a file are not checked by."""

    def __init__(self, rules: Sequence[str]) -> None:
        super().__init__(
            f"Batch refused: the model's contract has the rules {_listed(rules)}, which batch "
            "scoring does not check; it checks those of single columns and of unique applicants."
        )


class ScoresDiffer(CreditRiskError):
    """The fast evaluation of the trees gave another score than the booster."""

    def __init__(self, seen: float, required: float) -> None:
        super().__init__(
            f"Batch refused: the columnwise score of a row is {seen!r}, the booster's {required!r}; "
            "they must agree to the last bit. Nothing was written."
        )


class RecordDiffers(CreditRiskError):
    """The ledger holds this batch with another result."""

    def __init__(self, batch_id: str, seen: str, required: str) -> None:
        super().__init__(
            f"Batch {batch_id} refused: the decision ledger recorded its output as {required[:12]}, "
            f"it is {seen[:12]} now. Nothing was written."
        )


class UploadFailed(CreditRiskError):
    """A finished batch could not be brought to where it belongs."""

    def __init__(self, shown: str, reason: str, kept: Path) -> None:
        super().__init__(
            f"{shown} could not be written: {reason}. The finished batch is kept in {kept}; run the "
            "same command with --resume once the place can be written."
        )


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_MOST_NAMED])
    more = len(names) - _MOST_NAMED
    return f"{shown} and {more} more" if more > 0 else shown
