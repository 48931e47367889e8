"""What a caller asks of a batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from creditrisk.data.sources.location import Location
from creditrisk.mlops.served import ServedModel
from creditrisk.scoring.batch.errors import InvalidBatchId, OutputIsInput, UnsupportedFile
from creditrisk.scoring.batch.places import (
    is_feature_file,
    is_local,
    require_writable,
)
from creditrisk.scoring.batch.record import is_batch_id
from creditrisk.scoring.scorer import Scorer

APPLICATIONS = "application_test.csv"
CHUNK_ROWS = 32_768


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRequest:
    """Where a batch comes from and goes to, and how it is made.

    Raises:
        UnsupportedFile, OutputIsInput, UnwritablePlace, InvalidBatchId: it cannot be done.
    """

    input: Location
    output: Location
    rejects: Location
    summary: Location
    applications: str = APPLICATIONS
    reasons: bool = False
    strict: bool = False
    resume: bool = False
    batch_id: str | None = None
    chunk_rows: int = CHUNK_ROWS

    def __post_init__(self) -> None:
        if not is_feature_file(self.output):
            raise UnsupportedFile(self.output.shown, "output")
        if self.batch_id is not None and not is_batch_id(self.batch_id):
            raise InvalidBatchId(self.batch_id)
        roles = {
            "the input": self.input,
            "the output": self.output,
            "the rejects": self.rejects,
            "the summary": self.summary,
        }
        for place in list(roles.values())[1:]:
            require_writable(place)
        _require_apart(roles)

    @property
    def is_raw(self) -> bool:
        """Whether the input is a folder of raw tables."""
        return not is_feature_file(self.input) or (
            is_local(self.input) and self.input.path.is_dir()
        )

    @property
    def work_folder(self) -> Path:
        """Beside the output, or in the current folder for one that lies elsewhere."""
        name = f".{self.output.name}.batch"
        return self.output.path.with_name(name) if is_local(self.output) else Path(name)


@dataclass(frozen=True, slots=True)
class BatchModel:
    """The model that scores, and what a record says of it."""

    scorer: Scorer
    served: ServedModel


def beside(output: str, ending: str) -> str:
    """The address of a side file: that of the output with another ending; a query is kept."""
    location = Location(output)
    stem = location.name.rpartition(".")[0]
    head, _, tail = output.rpartition(location.name)
    return f"{head}{stem}{ending}{tail}"


def _require_apart(roles: Mapping[str, Location]) -> None:
    seen: dict[str, str] = {}
    for role, place in roles.items():
        address = str(place.path.absolute()) if is_local(place) else place.uri
        if address in seen:
            raise OutputIsInput(place.shown, [seen[address], role])
        seen[address] = role
