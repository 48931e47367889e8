"""What became of the applicants decided on: outcomes beside the ledger of decisions.

A load of outcomes is one transaction: its rows, and an entry of kind `outcomes` in the chain of
decisions, whose signed content holds the hash of those rows. docs/decisions/0026-outcomes.md argues
how it is built.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from creditrisk.ledger import outcome_store, schema
from creditrisk.ledger.database import SQLITE, reason_of
from creditrisk.ledger.decision_anchor import AnchorKeeper
from creditrisk.ledger.decision_chain import DecisionChain, Draft
from creditrisk.ledger.decision_entries import StoredDecision
from creditrisk.ledger.decision_verification import checked_decision
from creditrisk.ledger.entries import Head
from creditrisk.ledger.errors import LedgerError
from creditrisk.ledger.identity import LedgerIdentity
from creditrisk.ledger.outcome_store import RowsHash, StoredLoad, StoredOutcome
from creditrisk.ledger.turn import FairTurn

if TYPE_CHECKING:
    from sqlalchemy import Connection

OUTCOMES = "outcomes"
_WAIT_SECONDS = 120.0
_ROWS_A_PAGE = 500


class OutcomesMoved(LedgerError):
    """Another load has been recorded since the caller looked; nothing was recorded."""

    def __init__(self) -> None:
        super().__init__("Outcomes not recorded: another load came first. Look again.")


class LoadInDoubt(LedgerError):
    """The database vanished while it committed a load: all of it stands, or nothing."""

    def __init__(self, shown_url: str, reason: str) -> None:
        super().__init__(
            f"Ledger in {shown_url} vanished while it recorded outcomes: {reason}. All of them "
            "stand or none; loading the same file again is safe."
        )


class OutcomesChanged(LedgerError):
    """Stored outcomes are not what was loaded."""

    def __init__(self, load_id: str, problem: str) -> None:
        self.load_id = load_id
        self.problem = problem
        super().__init__(
            f"Outcomes of {load_id} are not what was loaded: {problem}. Nothing was measured. "
            "See docs/runbook.md."
        )


class OutcomeBook:
    """The outcomes of one ledger of decisions.

    Raises:
        OlderSchema: the database has no tables for them yet.
    """

    def __init__(
        self, identity: LedgerIdentity, chain: DecisionChain, keeper: AnchorKeeper
    ) -> None:
        self._identity = identity
        self._database = identity.database
        self._chain = chain
        self._keeper = keeper
        with self._database.reading() as connection:
            schema.require(connection, schema.OUTCOMES, self._database.shown_url)

    def last_load(self) -> int:
        """The sequence of the latest load, 0 where there is none."""
        with self._database.reading() as connection:
            return outcome_store.last_load(connection)

    def labels(self, decision_ids: Sequence[str]) -> dict[str, int]:
        """The outcomes that stand for these decisions."""
        with self._database.reading() as connection:
            return outcome_store.labels(connection, decision_ids)

    def decisions_of(self, decision_ids: Sequence[str]) -> Iterator[StoredDecision]:
        """The entries of these ids, each compared with its own proof.

        Raises:
            DamagedDecision: one is not what was recorded.
        """
        with self._database.reading() as connection:
            for decision in outcome_store.decisions_of(connection, decision_ids):
                yield self._checked(decision)

    def record(
        self, load_id: str, rows: Sequence[StoredOutcome], content: bytes, *, after: int
    ) -> int:
        """Record a load: all of its rows and its entry in the chain, or nothing.

        Args:
            load_id: the id of the entry; no other has it.
            rows: outcomes in the order of their ids.
            content: what the entry says, one JSON object on one line.
            after: the latest load that the caller knew when it looked what stands.

        Returns:
            The sequence of the entry.

        Raises:
            OutcomesMoved: there is a later load; nothing was recorded.
            LedgerBroken, LedgerBusy, LedgerUnavailable: nothing was recorded.
            LoadInDoubt: nobody can tell.
        """
        with self._database.writing() as connection:
            outcome_store.stage(connection, rows)
            with self._turn_taken():
                head = self._committed(connection, load_id, rows, content, after=after)
        self._chain.remember(head)
        self._keeper.follow()
        return head.sequence

    def loads(self) -> list[StoredLoad]:
        """All loads in their order, each compared with its entry in the chain.

        Raises:
            OutcomesChanged: the content of one is not that of its entry.
            DamagedDecision: an entry is not what was recorded.
        """
        with self._database.reading() as connection:
            loads = outcome_store.loads(connection)
        proofs = {
            entry.decision_id: entry
            for entry in self.decisions_of([load.load_id for load in loads])
        }
        for load in loads:
            proof = proofs.get(load.load_id)
            if proof is None or proof.kind != OUTCOMES:
                raise OutcomesChanged(load.load_id, "the ledger has no entry of this load")
            if hashlib.sha256(load.content.encode()).hexdigest() != proof.content_sha256:
                raise OutcomesChanged(load.load_id, "its facts differ from those in the ledger")
        return loads

    def rows(self) -> Iterator[StoredOutcome]:
        """All outcomes in the order of their ids, as stored, a few thousand in memory."""
        with self._database.reading() as connection:
            yield from outcome_store.rows(connection)

    def with_decisions(self, as_of: str) -> Iterator[tuple[StoredOutcome, StoredDecision | None]]:
        """Outcomes that had matured by a day, each with its decision; a page in memory.

        The rows of a batch come without one: the ledger keeps none of each row.

        Raises:
            DamagedDecision: one is not what was recorded.
        """
        behind = ""
        while True:
            with self._database.reading() as connection:
                page = outcome_store.page_with_decisions(connection, behind, as_of, _ROWS_A_PAGE)
            for outcome, decision in page:
                yield outcome, self._checked(decision) if decision else None
            if len(page) < _ROWS_A_PAGE:
                return
            behind = page[-1][0].decision_id

    def _checked(self, decision: StoredDecision) -> StoredDecision:
        return checked_decision(decision, self._chain.ledger_id, self._identity.key)

    def _committed(
        self,
        connection: Connection,
        load_id: str,
        rows: Sequence[StoredOutcome],
        content: bytes,
        *,
        after: int,
    ) -> Head:
        """The head of the chain after the load."""
        outcome_store.lock_loads(connection)
        if outcome_store.last_load(connection) != after:
            raise OutcomesMoved
        outcome_store.insert(connection, rows)
        self._chain.lock(connection)  # last: until then, PostgreSQL lets decisions pass
        self._keeper.check(connection)
        head = self._chain.extend(connection, [Draft.of_content(OUTCOMES, load_id, "", content)])
        load = StoredLoad(load_id, head.sequence, content.decode())
        outcome_store.insert_load(connection, load)
        try:
            connection.commit()
        except self._database.errors as error:
            raise LoadInDoubt(self._database.shown_url, reason_of(error)) from error
        return head

    @contextmanager
    def _turn_taken(self) -> Iterator[None]:
        """Queue with the API's processes at SQLite; PostgreSQL queues by itself."""
        if self._database.engine.dialect.name != SQLITE:
            yield
            return
        turn = FairTurn(self._identity.anchor_file.path, _WAIT_SECONDS)
        with closing(turn), turn.taken():
            yield


class RowsProof:
    """Compares the rows of all loads with the hashes that were signed, as they pass by."""

    def __init__(self, required: dict[str, str]) -> None:
        self._required = required
        self._hashes = {load_id: RowsHash() for load_id in required}

    def add(self, row: StoredOutcome) -> None:
        """Take the next row, in the order of ids.

        Raises:
            OutcomesChanged: it belongs to no load.
        """
        if row.load_id not in self._hashes:
            raise OutcomesChanged(row.load_id, f"{row.decision_id} stands there, no load does")
        self._hashes[row.load_id].add(row)

    def require_whole(self) -> None:
        """Refuse rows that were changed, added or removed.

        Raises:
            OutcomesChanged: the rows of a load have another hash.
        """
        for load_id, rows in self._hashes.items():
            if rows.hexdigest() != self._required[load_id]:
                raise OutcomesChanged(load_id, "its rows have another hash than was signed")


def rows_sha256(rows: Sequence[StoredOutcome]) -> str:
    """The hash that a load's content must hold."""
    found = RowsHash()
    for row in rows:
        found.add(row)
    return found.hexdigest()
