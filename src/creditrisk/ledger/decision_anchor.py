"""The anchor of the ledger of decisions: it follows the chain, about once a second.

Moving it costs two flushes, which no commit waits for: a thread of its own moves it. So the
entries of the last second may stand behind it; docs/decisions/0019-decision-ledger.md says what
that leaves unseen.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from creditrisk.ledger import decision_store
from creditrisk.ledger.anchor import Anchor
from creditrisk.ledger.decision_chain import DecisionChain
from creditrisk.ledger.entries import Head
from creditrisk.ledger.errors import LedgerBroken
from creditrisk.ledger.identity import LedgerIdentity
from creditrisk.ledger.verification import MISSING, Finding

if TYPE_CHECKING:
    from sqlalchemy import Connection

_REST_SECONDS = 1.0
_WAIT_SECONDS = 5.0
_CLOSE_SECONDS = 10.0


class AnchorKeeper:
    """Moves the anchor behind the chain, and tells when the two do not fit.

    `problem` says why the anchor could not be moved the last time, if it could not.
    """

    def __init__(self, identity: LedgerIdentity, chain: DecisionChain) -> None:
        self.problem: str | None = None
        self.trusted = False
        self._identity = identity
        self._chain = chain
        self._lock = threading.Lock()
        self._behind = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="decision-anchor", daemon=True)

    def check(self, connection: Connection) -> None:
        """Compare the anchor with the database that the connection sees, where not done yet.

        Raises:
            LedgerBroken: they do not fit, so nothing may be added.
        """
        if self.trusted:
            return
        anchor, findings = self._identity.sound_anchor(self._chain.ledger_id)
        end = self._chain.checked_head(connection)
        if anchor:
            findings = anchored_findings(connection, self._chain, anchor, end)
        if findings:
            raise self._identity.broken(findings)
        self.trusted = True

    def follow(self) -> None:
        """Let the anchor follow what has been committed, soon."""
        with self._lock:
            if self._thread.ident is None:
                self._thread.start()
        self._behind.set()

    def close(self) -> None:
        """Move the anchor a last time."""
        self._closing.set()
        if self._thread.ident is None:
            return
        self._behind.set()
        self._thread.join(_CLOSE_SECONDS)

    def move(self) -> None:
        """Move the anchor to the last entry that this process has committed."""
        try:
            with self._identity.anchor_file.turn(_WAIT_SECONDS, "move"):
                self._move(self._chain.seen)
        except LedgerBroken as error:
            self.trusted = False  # the next transaction looks for itself, and refuses
            self.problem = str(error)
        except Exception as error:  # noqa: BLE001  # the thread outlives whatever goes wrong
            self.problem = str(error)
        else:
            self.problem = None

    def _run(self) -> None:
        while not self._closing.is_set():
            self._behind.wait()
            self._behind.clear()
            self.move()
            if self.problem:
                self._behind.set()
            self._closing.wait(_REST_SECONDS)
        if self._behind.is_set():
            self.move()

    def _move(self, head: Head) -> None:
        anchor, findings = self._identity.sound_anchor(self._chain.ledger_id)
        if anchor:
            with self._identity.database.reading() as connection:
                findings = anchored_findings(connection, self._chain, anchor, head)
        if findings:
            raise self._identity.broken(findings)
        if anchor and anchor.sequence < head.sequence:
            file = self._identity.anchor_file
            file.prepare(Anchor.of(head, self._identity.key))
            file.publish()


def anchored_findings(
    connection: Connection, chain: DecisionChain, anchor: Anchor, end: Head
) -> list[Finding]:
    """What is wrong between a sound anchor and the database."""
    at = decision_store.at(connection, anchor.sequence)
    if anchor.sequence and at is None:
        first = min(end.sequence + 1, anchor.sequence)
        return [Finding(first, anchor.sequence, f"{MISSING}, the anchor stands after them")]
    if chain.head_after(at) != anchor.head:
        return [Finding(anchor.sequence, anchor.sequence, "is not the one that was anchored")]
    return []
