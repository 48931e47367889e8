"""The end of the chain of decisions, and how it grows inside somebody's transaction."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from creditrisk.ledger import decision_store
from creditrisk.ledger.decision_entries import (
    NewDecision,
    StoredDecision,
    content_sha256,
    entry_text,
    packed,
)
from creditrisk.ledger.entries import Head, genesis, sealed_entry
from creditrisk.ledger.errors import MissingLedger
from creditrisk.ledger.identity import LedgerIdentity
from creditrisk.ledger.verification import Finding

if TYPE_CHECKING:
    from sqlalchemy import Connection


Clock = Callable[[], datetime]


def system_clock() -> datetime:
    """The moment that it is."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Draft:
    """A decision before it has a place in the chain: hashed and packed, which needs no lock."""

    kind: str
    decision_id: str
    request_id: str
    content_sha256: str
    text: str
    packed: tuple[str, bytes]

    @classmethod
    def of(cls, new: NewDecision) -> Draft:
        """The draft of what a caller wants recorded."""
        return cls.of_content(new.kind, new.decision_id, new.request_id, new.content)

    @classmethod
    def of_content(cls, kind: str, decision_id: str, request_id: str, content: bytes) -> Draft:
        """A draft of any kind, those of the ledger's own too."""
        sha256 = content_sha256(content)
        text = entry_text(kind, decision_id, request_id, sha256)
        return cls(kind, decision_id, request_id, sha256, text, packed(content))

    @property
    def content_key(self) -> str:
        """The same for the same decision: see `StoredDecision.content_key`."""
        return f"{self.kind} {self.content_sha256}"


class DecisionChain:
    """Builds only on a head that this key signed and that lies not before one it has seen.

    `clock` says when something is recorded. It is an argument and no variable of the environment:
    nobody but the code that opens a ledger can let it stand in another time.
    """

    def __init__(
        self, identity: LedgerIdentity, ledger_id: str, clock: Clock = system_clock
    ) -> None:
        self._identity = identity
        self._clock = clock
        self.ledger_id = ledger_id
        self.seen = genesis(ledger_id)

    def lock(self, connection: Connection) -> None:
        """Let no other process append until the transaction ends."""
        if decision_store.locked_ledger_id(connection) != self.ledger_id:
            raise MissingLedger(self._identity.database.shown_url, self._identity.anchor_file.path)

    def extend(
        self, connection: Connection, drafts: Sequence[Draft], head: Head | None = None
    ) -> Head:
        """Insert decisions behind the head; `lock` came before, the caller commits.

        Args:
            connection: of the transaction.
            drafts: what to insert.
            head: the database's head, where the caller knows it.

        Raises:
            LedgerBroken: the head is forged, or entries that this process has seen are gone.
        """
        sealed = self._sealed(head or self.checked_head(connection), drafts)
        decision_store.insert(connection, sealed, [draft.packed for draft in drafts])
        return self.head_after(sealed[-1])

    def remember(self, head: Head) -> None:
        """Take note of a head that is committed."""
        if head.sequence > self.seen.sequence:
            self.seen = head

    def checked_head(self, connection: Connection) -> Head:
        """The database's head.

        Raises:
            LedgerBroken: the head is forged, or entries that this process has seen are gone.
        """
        seen = self.seen  # before the query: others record meanwhile
        last = decision_store.last(connection)
        head = self.head_after(last)
        if last and not hmac.compare_digest(
            head.signature(self._identity.key).encode(), str(last.signature).encode()
        ):
            problem = "not signed with this key"
            raise self._identity.broken([Finding(head.sequence, head.sequence, problem)])
        if head.sequence < seen.sequence:
            raise self._identity.broken(
                [Finding(head.sequence + 1, seen.sequence, "missing, they were recorded")]
            )
        return head

    def head_after(self, last: StoredDecision | None) -> Head:
        """The head that a decision makes, or that of the empty ledger."""
        if last is None:
            return genesis(self.ledger_id)
        return Head(self.ledger_id, last.sequence, last.sha256)

    def _sealed(self, head: Head, drafts: Sequence[Draft]) -> list[StoredDecision]:
        recorded_at = self._clock().astimezone(UTC).isoformat(timespec="microseconds")
        batch_end = head.sequence + len(drafts)
        sealed = []
        for draft in drafts:
            entry = sealed_entry(
                head, draft.kind, recorded_at, batch_end, draft.text, key=self._identity.key
            )
            sealed.append(
                StoredDecision(
                    entry.sequence,
                    draft.kind,
                    draft.decision_id,
                    draft.request_id,
                    recorded_at,
                    batch_end,
                    draft.content_sha256,
                    entry.previous_sha256,
                    entry.sha256,
                    entry.signature,
                )
            )
            head = entry.head(self.ledger_id)
        return sealed
