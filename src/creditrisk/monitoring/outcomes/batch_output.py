"""The rows of a batch: the ledger keeps their hash, the batch's output file the answers."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from creditrisk.core.errors import CreditRiskError
from creditrisk.core.files import sha256_of
from creditrisk.core.settings import Settings
from creditrisk.data.engine import connect
from creditrisk.data.sources.location import Location
from creditrisk.monitoring.outcomes.file_readers import READERS
from creditrisk.observability.progress import progress_bars
from creditrisk.scoring.batch.places import fetch_file
from creditrisk.scoring.batch.record import BatchRecord

BatchRow = tuple[str, int, float, str, str]

_ROWS_A_FETCH = 10_000
_QUERY = """
select decision_id, "SK_ID_CURR"::bigint, probability::double, decision, grade from {reader}
"""
_OF_IDS = "where decision_id in (select unnest(?::varchar[]))"


class OutputNotHere(CreditRiskError):
    """The answers of a batch cannot be had."""

    def __init__(self, place: str, reason: Literal["output not found", "output differs"]) -> None:
        self.reason: Literal["output not found", "output differs"] = reason
        super().__init__(f"Answers of a batch not read: {place}: {reason}.")


def batch_rows(
    record: BatchRecord, settings: Settings, decision_ids: Sequence[str] | None = None
) -> Iterator[BatchRow]:
    """Id, applicant, PD, decision and grade of a batch's rows, or of those that are named.

    Raises:
        OutputNotHere: the output is not at its place, or not the one that was recorded.
    """
    place = Location(record.output.place)
    with tempfile.TemporaryDirectory() as folder:
        try:
            with progress_bars() as progress:
                path = fetch_file(place, Path(folder) / "output", settings.ingest, progress)
        except CreditRiskError as error:
            raise OutputNotHere(place.shown, "output not found") from error
        if sha256_of(path) != record.output.sha256:
            raise OutputNotHere(place.shown, "output differs")
        yield from _rows(path, place.name, settings, decision_ids)


def _rows(
    path: Path, name: str, settings: Settings, decision_ids: Sequence[str] | None
) -> Iterator[BatchRow]:
    query = _QUERY.format(reader=READERS[Path(name).suffix.lower()])
    parameters: list[object] = [str(path)]
    if decision_ids is not None:
        query, parameters = query + _OF_IDS, [*parameters, list(decision_ids)]
    with connect(settings.resources) as connection:
        found = connection.execute(query, parameters)
        while rows := found.fetchmany(_ROWS_A_FETCH):
            yield from rows
