"""What can go wrong between a source and data/raw."""

from __future__ import annotations

from pathlib import Path

from creditrisk.core.errors import CreditRiskError, Misuse


class UnusableSource(Misuse):
    """params.yaml or --source names something that no connector can serve."""

    def __init__(self, uri: str, seen: str, required: str) -> None:
        super().__init__(f"{uri} cannot be a source: {seen}. Required: {required}.")


class UnsetVariable(Misuse):
    """A source names an environment variable that is not set."""

    def __init__(self, uri: str, variable: str) -> None:
        super().__init__(f"{uri} needs the environment variable {variable}, which is not set.")


class UnknownRawFile(Misuse):
    """`ingest.files` names something that is no raw file."""

    def __init__(self, names: list[str], known: list[str]) -> None:
        super().__init__(
            f"ingest.files names {', '.join(names)}; the raw files are {', '.join(known)}."
        )


class NotAtSource(CreditRiskError):
    """A source lacks files that it must have."""

    def __init__(self, file_names: list[str], uri: str, looked_for: str) -> None:
        self.file_names = file_names
        super().__init__(f"{', '.join(file_names)} not found at {uri}; looked for {looked_for}.")


class SourceFailed(CreditRiskError):
    """A source refused, or its connection broke once more than retries allow."""

    def __init__(self, uri: str, reason: str, remedy: str = "") -> None:
        super().__init__(f"{uri} could not be fetched: {reason}.{' ' * bool(remedy)}{remedy}")


class DamagedArchive(CreditRiskError):
    """A zip or gz file is truncated, corrupt or holds something else than it must."""

    def __init__(self, uri: str, member: str, seen: str) -> None:
        super().__init__(f"{uri} refused: {seen}. Required: an intact archive that holds {member}.")


class WrongContent(CreditRiskError):
    """A file is not the one that was asked for: wrong size, checksum or number of rows."""

    def __init__(
        self, file_name: str, uri: str, quantity: str, seen: object, required: object
    ) -> None:
        super().__init__(
            f"{file_name} from {uri} refused: {quantity} is {seen}, must be {required}."
        )


class RejectedTable(CreditRiskError):
    """A file is intact but does not hold the table of that name."""

    def __init__(self, uri: str, path: Path, problem: CreditRiskError) -> None:
        self.problem = problem
        # The file was read in its staging folder, which is gone when a person reads this.
        super().__init__(str(problem).replace(str(path), uri))


class DiskFull(CreditRiskError):
    """The disk cannot hold what is to be written."""

    def __init__(self, folder: Path, needed_bytes: int | None, free_bytes: int) -> None:
        needed = f"{needed_bytes:,} bytes are needed" if needed_bytes else "more is needed"
        super().__init__(
            f"No space left for {folder}: {free_bytes:,} bytes are free, {needed}. "
            "The files of the last good run are unchanged."
        )


class StorageFailed(CreditRiskError):
    """The operating system refused a read or a write on this machine."""

    def __init__(self, path: object, reason: str) -> None:
        super().__init__(f"{path}: {reason}. The files of the last good run are unchanged.")


class IngestRunning(CreditRiskError):
    """Another process is ingesting into the same folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"{folder} is being written by another ingest_data; this one changed nothing. "
            "Wait until the other has ended."
        )
