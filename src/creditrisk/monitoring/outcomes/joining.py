"""Rows of a file beside the decisions that they are about; what does not fit is refused by reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal, NamedTuple, get_args

from creditrisk.contracts.tables import APPLICANT_KEY
from creditrisk.core.settings import Settings
from creditrisk.ledger import DecisionLedger
from creditrisk.monitoring.outcomes.answers import (
    Answer,
    Unanswered,
    answers_by_id,
    ids_by_applicant,
)
from creditrisk.monitoring.outcomes.outcome_file import (
    DECISION_ID,
    FiledOutcome,
    OutcomeFile,
)

Reason = Literal[
    "invalid",
    "duplicate",
    "unknown",
    "ambiguous",
    "other applicant",
    "unavailable",
    "conflicting",
    "immature",
]
REASONS: tuple[Reason, ...] = get_args(Reason)


class Refusal(NamedTuple):
    """A row that is not taken, and why."""

    filed: FiledOutcome
    reason: Reason
    detail: str


class Matched(NamedTuple):
    """A row and the decision that it is about."""

    filed: FiledOutcome
    label: int
    matured_on: str
    answer: Answer


@dataclass(frozen=True, slots=True)
class JoinedFile:
    """The rows that name one decision each, and the others.

    `unsearched` counts decisions whose applicants could not be read, where applicants were looked
    for.
    """

    matched: Sequence[Matched]
    refused: Sequence[Refusal]
    unsearched: int = 0


@dataclass(frozen=True, slots=True)
class ScreenedFile:
    """What is new, how many stood there already, and what is refused."""

    new: Sequence[Matched]
    known: int
    refused: Sequence[Refusal]


def join(file: OutcomeFile, ledger: DecisionLedger, settings: Settings) -> JoinedFile:
    """Look for the decision of each row.

    Raises:
        DamagedDecision: a decision is not what was recorded.
    """
    valid, refused = _valid(file)
    ids, unsearched = _decision_ids(file, valid, ledger, settings)
    candidates = [(row, ids.get(_key(file, row), ())) for row in valid]
    named = sorted({one for _, found in candidates for one in found if len(found) == 1})
    answers = answers_by_id(ledger, named, settings)
    joined = [_joined(row, found, answers) for row, found in candidates]
    return JoinedFile(
        matched=[one for one in joined if isinstance(one, Matched)],
        refused=[*refused, *(one for one in joined if isinstance(one, Refusal))],
        unsearched=unsearched,
    )


def screen(
    joined: JoinedFile, labels: Mapping[str, int], as_of: date, window_days: int
) -> ScreenedFile:
    """Tell new outcomes from known, conflicting and immature ones.

    Args:
        joined: rows with their decisions.
        labels: the outcomes that stand already, by decision.
        as_of: the day on which the file is judged.
        window_days: how long after a decision its outcome is final.
    """
    new, known, refused = [], 0, list(joined.refused)
    for row in joined.matched:
        standing = labels.get(row.answer.decision_id)
        if standing == row.label:
            known += 1
        elif standing is not None:
            refused.append(Refusal(row.filed, "conflicting", f"{standing} is stored"))
        elif problem := _immaturity(row, as_of, window_days):
            refused.append(Refusal(row.filed, "immature", problem))
        else:
            new.append(row)
    new.sort(key=lambda row: row.answer.decision_id)
    refused.sort()
    return ScreenedFile(new, known, refused)


def _valid(file: OutcomeFile) -> tuple[list[FiledOutcome], list[Refusal]]:
    """The rows that say whom, what and when, once."""
    rows = Counter(_key(file, row) for row in file.rows)
    valid, refused = [], []
    for row in file.rows:
        key = _key(file, row)
        if problem := _problem(file, row):
            refused.append(Refusal(row, "invalid", problem))
        elif rows[key] > 1:
            refused.append(Refusal(row, "duplicate", f"{rows[key]} rows name it"))
        else:
            valid.append(row)
    return valid, refused


def _key(file: OutcomeFile, row: FiledOutcome) -> str | int | None:
    return row.applicant if file.by_applicant else row.decision_id


def _problem(file: OutcomeFile, row: FiledOutcome) -> str | None:
    if _key(file, row) is None:
        return f"no {APPLICANT_KEY if file.by_applicant else DECISION_ID}"
    if row.label is None:
        return "TARGET must be 0 or 1"
    return None if row.matured_on else "the date must be like 2026-01-31"


def _decision_ids(
    file: OutcomeFile, rows: Sequence[FiledOutcome], ledger: DecisionLedger, settings: Settings
) -> tuple[Mapping[Any, Sequence[str]], int]:
    """Which decisions each row may be about; the row's own id where it names one."""
    if not file.by_applicant:
        return {row.decision_id: [row.decision_id] for row in rows if row.decision_id}, 0
    applicants = {row.applicant for row in rows if row.applicant is not None}
    found, unsearched = ids_by_applicant(ledger, applicants, settings)
    return found, unsearched


def _joined(
    row: FiledOutcome, ids: Sequence[str], answers: Mapping[str, Answer | Unanswered]
) -> Matched | Refusal:
    if len(ids) > 1:
        return Refusal(row, "ambiguous", f"{len(ids)} decisions on this applicant")
    answer = answers.get(ids[0]) if ids else None
    if answer is None:
        return Refusal(row, "unknown", "the ledger holds no such decision")
    if isinstance(answer, Unanswered):
        return Refusal(row, "unavailable", f"its answer cannot be read: {answer.reason}")
    if row.applicant not in {None, answer.applicant}:
        return Refusal(row, "other applicant", "the decision is on another applicant")
    return Matched(row, row.label or 0, row.matured_on or "", answer)


def _immaturity(row: Matched, as_of: date, window_days: int) -> str | None:
    if row.matured_on > as_of.isoformat():
        return f"observed after {as_of}"
    due = date.fromisoformat(row.answer.decided_at[:10]) + timedelta(days=window_days)
    if row.matured_on < due.isoformat():
        return f"observed before {due}, {window_days} days after the decision"
    return None
