"""What had been answered: the decisions that outcomes belong to, from the ledger and its batches."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Literal, NamedTuple

from pydantic import BaseModel, ValidationError

from creditrisk.core.settings import Settings
from creditrisk.ledger import DecisionLedger, StoredDecision
from creditrisk.monitoring.outcomes.batch_output import BatchRow, OutputNotHere, batch_rows
from creditrisk.scoring.batch.record import BatchRecord, row_of

Absence = Literal["retired", "unreadable", "output not found", "output differs"]
_DECISION, _BATCH = "decision", "batch"


class Answer(NamedTuple):
    """What an applicant was answered; `sequence` is the entry of the decision or of its batch.

    `decided_at` is when the request arrived, or when the batch ended; UTC, ISO 8601.
    """

    decision_id: str
    sequence: int
    applicant: int
    decided_at: str
    bundle_sha256: str
    probability: float
    decision: str
    grade: str


class Unanswered(NamedTuple):
    """A decision, or a batch of so many, whose answers cannot be read now."""

    decision_id: str
    reason: Absence
    decisions: int = 1


class _Origin(BaseModel):
    received_at: str


class _Model(BaseModel):
    bundle_sha256: str


class _Decision(BaseModel):
    """What is read of a decision; its inputs, the greatest part of it, are passed over."""

    origin: _Origin
    model: _Model
    sk_id_curr: int
    probability: float
    decision: str
    grade: str


def answer_of(stored: StoredDecision) -> Answer | Unanswered:
    """The answer in a decision's content."""
    if stored.content is None:
        return Unanswered(stored.decision_id, "retired")
    try:
        found = _Decision.model_validate_json(stored.content)
        decided_at = _utc(found.origin.received_at)
    except ValueError:
        return Unanswered(stored.decision_id, "unreadable")
    return Answer(
        stored.decision_id,
        stored.sequence,
        found.sk_id_curr,
        decided_at,
        found.model.bundle_sha256,
        found.probability,
        found.decision,
        found.grade,
    )


def answers_by_id(
    ledger: DecisionLedger, decision_ids: Sequence[str], settings: Settings
) -> dict[str, Answer | Unanswered]:
    """The answers of these decisions and rows of batches; an unknown id has none.

    Raises:
        DamagedDecision: one is not what was recorded.
    """
    found = {
        stored.decision_id: answer_of(stored)
        for stored in ledger.outcomes().decisions_of(decision_ids)
        if stored.kind == _DECISION
    }
    wanted = _rows_by_batch(one for one in decision_ids if one not in found)
    for stored in ledger.outcomes().decisions_of(sorted(wanted)):
        if stored.kind == _BATCH:
            rows = wanted[stored.decision_id]
            found |= {one.decision_id: one for one in _of_rows(stored, rows, settings)}
    return found


def all_answers(ledger: DecisionLedger, settings: Settings) -> Iterator[Answer | Unanswered]:
    """Every answer in the order of the ledger, as stored; `creditrisk ledger verify` judges them."""
    sequence = 0
    while page := ledger.after(sequence):
        for stored in page:
            if stored.kind == _DECISION:
                yield answer_of(stored)
            elif stored.kind == _BATCH:
                yield from _of_batch(stored, settings)
        sequence = page[-1].sequence


def ids_by_applicant(
    ledger: DecisionLedger, applicants: set[int], settings: Settings
) -> tuple[dict[int, list[str]], int]:
    """The decisions on these applicants, and how many decisions could not be searched."""
    found: dict[int, list[str]] = defaultdict(list)
    unsearched = 0
    for answer in all_answers(ledger, settings):
        if isinstance(answer, Unanswered):
            unsearched += answer.decisions
        elif answer.applicant in applicants:
            found[answer.applicant].append(answer.decision_id)
    return found, unsearched


def _rows_by_batch(decision_ids: Iterable[str]) -> dict[str, dict[int, str]]:
    """Of ids that may be a batch's: its id, the row's number, the whole id."""
    wanted: dict[str, dict[int, str]] = defaultdict(dict)
    for decision_id in decision_ids:
        if place := row_of(decision_id):
            wanted[place[0]][place[1]] = decision_id
    return wanted


def _of_rows(
    stored: StoredDecision, rows: dict[int, str], settings: Settings
) -> Iterator[Answer | Unanswered]:
    """The answers of some rows of a batch; a row that was rejected has none."""
    record = _record_of(stored)
    if isinstance(record, Unanswered):
        yield from (Unanswered(one, record.reason) for one in rows.values())
        return
    scored = [one for row, one in rows.items() if record.chunk_of(row)]
    try:
        for row in batch_rows(record, settings, scored):
            yield _of_row(stored, record, row)
    except OutputNotHere as absent:
        yield from (Unanswered(one, absent.reason) for one in scored)


def _of_batch(stored: StoredDecision, settings: Settings) -> Iterator[Answer | Unanswered]:
    record = _record_of(stored)
    if isinstance(record, Unanswered):
        yield record
        return
    try:
        for row in batch_rows(record, settings):
            yield _of_row(stored, record, row)
    except OutputNotHere as absent:
        yield Unanswered(stored.decision_id, absent.reason, record.output.rows)


def _record_of(stored: StoredDecision) -> BatchRecord | Unanswered:
    if stored.content is None:
        return Unanswered(stored.decision_id, "retired")
    try:
        return BatchRecord.model_validate_json(stored.content)
    except ValidationError:
        return Unanswered(stored.decision_id, "unreadable")


def _of_row(stored: StoredDecision, record: BatchRecord, row: BatchRow) -> Answer:
    decision_id, applicant, probability, decision, grade = row
    return Answer(
        decision_id,
        stored.sequence,
        applicant,
        _utc(record.finished_at),
        record.model.bundle_sha256,
        probability,
        decision,
        grade,
    )


def _utc(moment: str) -> str:
    """A moment to the second.

    Raises:
        ValueError: it is none.
    """
    return datetime.fromisoformat(moment).astimezone(UTC).isoformat(timespec="seconds")
