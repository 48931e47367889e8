"""Matured outcomes are recorded: all of a file's, or none; each load leaves a signed entry."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Literal

from creditrisk.core.errors import MissingFile
from creditrisk.core.files import atomic_path, sha256_of
from creditrisk.core.report import Report
from creditrisk.core.settings import Settings
from creditrisk.ledger import DecisionLedger
from creditrisk.ledger.outcome_store import StoredOutcome
from creditrisk.ledger.outcomes import OutcomesMoved, rows_sha256
from creditrisk.monitoring.outcomes.errors import FutureDay, LoadsNeverRest
from creditrisk.monitoring.outcomes.joining import (
    REASONS,
    JoinedFile,
    Matched,
    Reason,
    Refusal,
    ScreenedFile,
    join,
    screen,
)
from creditrisk.monitoring.outcomes.outcome_file import read_outcomes
from creditrisk.scoring.decision_record import new_decision_id

_ATTEMPTS = 10
_REFUSED_COLUMNS = ("row", "decision_id", "SK_ID_CURR", "TARGET", "date", "reason", "detail")


class OutcomeLoad(Report):
    """One load of outcomes, as the ledger keeps it.

    `loaded` outcomes are new, `known` ones stood there already with the same label. `rows_sha256`
    covers the new ones. `unsearched` counts decisions whose applicants could not be read, where
    applicants were looked for.
    """

    kind: Literal["outcomes"] = "outcomes"
    load_id: str
    loaded_at: str
    loaded_by: str
    as_of: date
    window_days: int
    file: str
    file_sha256: str
    rows: int
    loaded: int
    defaults: int
    known: int
    refused: dict[Reason, int]
    unsearched: int
    rows_sha256: str

    def sentence(self) -> str:
        """The load in one line for a person."""
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in self.refused.items())
        return (
            f"{self.file}: {self.loaded:,} outcomes loaded ({self.defaults:,} defaults), "
            f"{self.known:,} known, {sum(self.refused.values()):,} refused"
            + (f" ({reasons})" if reasons else "")
            + f"; load {self.load_id}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadRequest:
    """What is asked: a file on this machine and how it is shown, who loads it, as of which day.

    `refused` is where the refused rows go; there is no such file where none is refused.
    """

    path: Path
    shown: str
    refused: Path
    loaded_by: str
    as_of: date


def load_outcomes(request: LoadRequest, ledger: DecisionLedger, settings: Settings) -> OutcomeLoad:
    """Record the outcomes of a file that belong to decisions and have matured.

    Refused rows are in their side file before anything is recorded. A file that was loaded before
    records its load and no outcome.

    Raises:
        FutureDay: the day has not come.
        MissingFile, UnreadableOutcomes, MissingOutcomeColumns, NoOutcomes: the file is refused.
        LedgerError, LoadsNeverRest: nothing was recorded, or it is in doubt.
    """
    today = datetime.now(UTC).date()
    if request.as_of > today:
        raise FutureDay(request.as_of.isoformat(), today.isoformat())
    if not request.path.is_file():
        raise MissingFile(request.path, "outcomes load", "Check the name.")
    file_sha256 = sha256_of(request.path)
    joined = join(read_outcomes(request.path, request.shown, settings.resources), ledger, settings)
    for _ in range(_ATTEMPTS):
        load = _attempt(request, file_sha256, joined, ledger, settings)
        if load is not None:
            return load
    raise LoadsNeverRest(_ATTEMPTS)


def _attempt(
    request: LoadRequest,
    file_sha256: str,
    joined: JoinedFile,
    ledger: DecisionLedger,
    settings: Settings,
) -> OutcomeLoad | None:
    """Record what is new beside what stands now; None where another load came in between."""
    book, window_days = ledger.outcomes(), settings.monitoring.outcomes.window_days
    after = book.last_load()
    labels = book.labels([row.answer.decision_id for row in joined.matched])
    screened = screen(joined, labels, request.as_of, window_days)
    load_id = new_decision_id()
    rows = [_stored(load_id, row) for row in screened.new]
    load = OutcomeLoad(
        load_id=load_id,
        loaded_at=datetime.now(UTC).isoformat(timespec="seconds"),
        loaded_by=request.loaded_by,
        as_of=request.as_of,
        window_days=window_days,
        file=request.shown,
        file_sha256=file_sha256,
        rows=len(joined.matched) + len(joined.refused),
        loaded=len(rows),
        defaults=sum(row.target for row in rows),
        known=screened.known,
        refused=_counted(screened),
        unsearched=joined.unsearched,
        rows_sha256=rows_sha256(rows),
    )
    _write_refused(screened.refused, request.refused)
    try:
        book.record(load_id, rows, load.model_dump_json().encode(), after=after)
    except OutcomesMoved:
        return None
    return load


def _stored(load_id: str, row: Matched) -> StoredOutcome:
    answer = row.answer
    return StoredOutcome(
        answer.decision_id,
        load_id,
        answer.sequence,
        row.label,
        row.matured_on,
        answer.decided_at,
        answer.bundle_sha256,
        answer.probability,
        answer.decision,
        answer.grade,
    )


def _counted(screened: ScreenedFile) -> dict[Reason, int]:
    counts = Counter(refusal.reason for refusal in screened.refused)
    return {reason: counts[reason] for reason in REASONS if counts[reason]}


def _write_refused(refused: Sequence[Refusal], path: Path) -> None:
    """The rows as they stood in the file, each with its reason."""
    if not refused:
        path.unlink(missing_ok=True)
        return
    with (
        atomic_path(path) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as stream,
    ):
        writer = csv.writer(stream)
        writer.writerow(_REFUSED_COLUMNS)
        for filed, reason, detail in refused:
            cells = (filed.decision_id, filed.applicant, filed.target, filed.date)
            writer.writerow((filed.row, *cells, reason, detail))
