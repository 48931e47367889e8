"""A file of outcomes, CSV or Parquet, read cell by cell: nothing is guessed, nothing is dropped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from creditrisk.contracts.tables import APPLICANT_KEY
from creditrisk.core.settings import ResourceSettings
from creditrisk.data.engine import connect
from creditrisk.monitoring.outcomes.errors import (
    MissingOutcomeColumns,
    NoOutcomes,
    UnreadableOutcomes,
)
from creditrisk.monitoring.outcomes.file_readers import READERS

DECISION_ID = "decision_id"
TARGET = "TARGET"
DATES = ("maturity_date", "observation_date")

_ROWS = """
select
    nullif(trim({decision_id}::varchar), '') as decision_id,
    try_cast(trim({applicant}::varchar) as bigint) as applicant,
    {target}::varchar as target,
    {date}::varchar as date,
    case try_cast(trim({target}::varchar) as double) when 0 then 0 when 1 then 1 end as label,
    strftime(try_cast(trim({date}::varchar) as timestamp), '%Y-%m-%d') as matured_on
from {reader}
"""


class FiledOutcome(NamedTuple):
    """A row of the file, from 1 on: what stands there, and what it means where it means anything.

    `label` is 0 or 1, `matured_on` a day in ISO 8601.
    """

    row: int
    decision_id: str | None
    applicant: int | None
    target: str | None
    date: str | None
    label: int | None
    matured_on: str | None


@dataclass(frozen=True, slots=True)
class OutcomeFile:
    """All rows of a file; `by_applicant` where it names applicants and no decisions."""

    rows: Sequence[FiledOutcome]
    by_applicant: bool


def read_outcomes(path: Path, shown: str, resources: ResourceSettings) -> OutcomeFile:
    """Read a file that lies on this machine.

    Raises:
        UnreadableOutcomes, MissingOutcomeColumns, NoOutcomes: it is not what can be loaded.
    """
    import duckdb

    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise UnreadableOutcomes(shown, "its name must end in .csv or .parquet")
    with connect(resources) as connection:
        try:
            connection.execute(f"select * from {reader} limit 0", [str(path)])  # noqa: S608
            columns = _columns([name for name, *_ in connection.description or ()], shown)
            query = _ROWS.format(reader=reader, **{k: _quoted(v) for k, v in columns.items()})
            found = connection.execute(query, [str(path)]).fetchall()
        except duckdb.Error as error:
            reason = str(error).partition("\n")[0].rstrip(".")
            raise UnreadableOutcomes(shown, reason) from error
    if not found:
        raise NoOutcomes(shown)
    rows = [FiledOutcome(number, *cells) for number, cells in enumerate(found, start=1)]
    return OutcomeFile(rows, by_applicant=columns["decision_id"] is None)


def _columns(seen: Sequence[str], shown: str) -> dict[str, str | None]:
    """Which column of the file stands for what; their case is not asked for."""
    by_name = {name.lower(): name for name in reversed(seen)}
    columns = {
        "decision_id": by_name.get(DECISION_ID),
        "applicant": by_name.get(APPLICANT_KEY.lower()),
        "target": by_name.get(TARGET.lower()),
        "date": next((by_name[name] for name in DATES if name in by_name), None),
    }
    if columns["decision_id"] is None and columns["applicant"] is None:
        raise MissingOutcomeColumns(shown, f"{DECISION_ID} or {APPLICANT_KEY}", seen)
    for name, required in (("target", TARGET), ("date", " or ".join(DATES))):
        if columns[name] is None:
            raise MissingOutcomeColumns(shown, required, seen)
    return columns


def _quoted(column: str | None) -> str:
    return "null" if column is None else '"' + column.replace('"', '""') + '"'
