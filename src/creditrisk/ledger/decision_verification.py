"""Whether the ledger of decisions is what was recorded: its chain, its contents, its anchor."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from creditrisk.ledger import decision_store
from creditrisk.ledger.anchor import Anchor
from creditrisk.ledger.decision_anchor import anchored_findings
from creditrisk.ledger.decision_chain import DecisionChain
from creditrisk.ledger.decision_entries import (
    RETENTION,
    StoredDecision,
    content_sha256,
    unpacked,
)
from creditrisk.ledger.entries import Entry, Head, genesis
from creditrisk.ledger.errors import DamagedDecision, InvalidEntry
from creditrisk.ledger.identity import LedgerIdentity
from creditrisk.ledger.keys import LedgerKey
from creditrisk.ledger.retention import Retention, retired_stretches
from creditrisk.ledger.verification import MISSING, Audit, Finding, Verification

if TYPE_CHECKING:
    from sqlalchemy import Connection

_LOST = "its content is missing, and no retention covers it"
_ALTERED = "its content was changed since it was recorded"
_STRAY = "a content without an entry"


@dataclass(frozen=True, slots=True)
class DecisionVerification(Verification):
    """The verdict on the ledger of decisions.

    `unanchored` entries stand behind the anchor, which follows about a second later; they are no
    finding. `retired` contents were deleted under a recorded policy, their proofs stand.
    """

    retired: int


class DecisionAudit(Audit):
    """Walks decisions in order and compares each content with its entry."""

    def __init__(self, start: Head, key: LedgerKey, stretches: list[tuple[int, int]]) -> None:
        super().__init__(start, key)
        self.retired = 0
        self.ends_whole = True
        self._starts = [first for first, _ in stretches]
        self._stretches = stretches

    def walk_rows(self, rows: Iterable[Sequence[Any]]) -> None:
        """Check each entry, then its content."""
        for row in rows:
            *columns, encoding, data = row
            decision = StoredDecision(*columns)
            self.walk([_entry_of(decision)])
            self.ends_whole = decision.batch_end == decision.sequence
            self._check_content_of(decision, encoding, data)

    def _check_content_of(self, decision: StoredDecision, encoding: Any, data: Any) -> None:
        if encoding is None and data is None:
            if decision.kind != RETENTION and self._is_retired(decision.sequence):
                self.retired += 1
            else:
                self._find(decision.sequence, _LOST)
            return
        try:
            content = unpacked(decision.sequence, encoding, data)
        except DamagedDecision:
            content = None
        if content is None or content_sha256(content) != decision.content_sha256:
            self._find(decision.sequence, _ALTERED)

    def _is_retired(self, sequence: int) -> bool:
        index = bisect_right(self._starts, sequence) - 1
        return index >= 0 and sequence <= self._stretches[index][1]


def verify_decisions(identity: LedgerIdentity, chain: DecisionChain) -> DecisionVerification:
    """Compare every entry with its hash, its signature, its neighbours, its content, the anchor.

    Nothing waits for it: the anchor is read before the database, which can only be ahead of it.
    """
    anchor, problems = identity.sound_anchor(chain.ledger_id)
    with identity.database.reading() as connection:
        stretches = retired_stretches(sound_retentions(connection, identity.key, chain.ledger_id))
        audit = DecisionAudit(genesis(chain.ledger_id), identity.key, stretches)
        audit.walk_rows(decision_store.rows_after(connection, 0))
        findings = [*audit.findings, *problems, *_end_findings(connection, chain, audit, anchor)]
        findings += [
            Finding(sequence, sequence, _STRAY) for sequence in decision_store.strays(connection)
        ]
    return DecisionVerification(
        shown_url=identity.database.shown_url,
        rows=audit.rows,
        head=audit.head,
        key_kind=identity.key.kind,
        unanchored=audit.head.sequence - anchor.sequence if anchor and not findings else 0,
        findings=tuple(findings),
        retired=audit.retired,
    )


def checked_decision(decision: StoredDecision, ledger_id: str, key: LedgerKey) -> StoredDecision:
    """A decision that is what its own entry says, signed with this key.

    Raises:
        DamagedDecision: it is not.
    """
    problem = _problem_of(decision, ledger_id, key)
    if problem:
        raise DamagedDecision(decision.sequence, problem)
    return decision


def sound_retentions(
    connection: Connection, key: LedgerKey, ledger_id: str
) -> list[tuple[int, Retention]]:
    """The retentions that this key signed, each with the sequence of its entry.

    The table of retentions only says where to look: what is not proven there covers nothing.
    """
    sound = []
    for decision in decision_store.retention_decisions(connection):
        if decision.kind != RETENTION or decision.content is None:
            continue
        if _problem_of(decision, ledger_id, key) is None:
            sound.append((decision.sequence, Retention.model_validate_json(decision.content)))
    return sound


def _problem_of(decision: StoredDecision, ledger_id: str, key: LedgerKey) -> str | None:
    audit = Audit(Head(ledger_id, decision.sequence - 1, decision.previous_sha256), key)
    audit.walk([_entry_of(decision)])
    if audit.findings:
        return audit.findings[0].problem
    content = decision.content
    if content is not None and content_sha256(content) != decision.content_sha256:
        return _ALTERED
    return None


def _end_findings(
    connection: Connection, chain: DecisionChain, audit: DecisionAudit, anchor: Anchor | None
) -> list[Finding]:
    findings = anchored_findings(connection, chain, anchor, audit.head) if anchor else []
    if not audit.ends_whole:
        after = audit.head.sequence + 1
        findings.append(Finding(after, after, f"{MISSING}, its transaction recorded more"))
    return findings


def _entry_of(decision: StoredDecision) -> Entry:
    try:
        return decision.entry
    except (InvalidEntry, TypeError):  # values that no entry has; the audit says so
        return Entry(decision.sequence, *[None] * 7)  # type: ignore[arg-type]
