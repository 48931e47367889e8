"""Decisions of many callers in one transaction, and what became of them when it failed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

from creditrisk.ledger import database, decision_store
from creditrisk.ledger.database import LedgerDatabase
from creditrisk.ledger.decision_anchor import AnchorKeeper
from creditrisk.ledger.decision_chain import DecisionChain, Draft
from creditrisk.ledger.entries import Head
from creditrisk.ledger.errors import (
    DecisionConflict,
    DecisionInDoubt,
    LedgerError,
    LedgerUnavailable,
)
from creditrisk.ledger.turn import FairTurn

if TYPE_CHECKING:
    from sqlalchemy import Connection

Outcome = LedgerError | None


class DecisionRecorder:
    """Holds one connection and commits groups of submissions over it.

    The first attempt trusts that every id is new. Where that fails, or the connection did, the
    second looks first what stands: whatever an attempt has left, each decision stands once.
    """

    def __init__(
        self,
        ledger_database: LedgerDatabase,
        chain: DecisionChain,
        keeper: AnchorKeeper,
        turn: FairTurn | None,
    ) -> None:
        self._database = ledger_database
        self._chain = chain
        self._keeper = keeper
        self._turn = turn
        self._connection: Connection | None = None
        self._file: tuple[int, int] | None = None
        self._changes: int | None = None  # of others, as of the transaction that made `_head`
        self._head: Head | None = None
        self._in_doubt = False

    def record(self, submissions: Sequence[Sequence[Draft]]) -> list[Outcome]:
        """Commit all submissions in one transaction.

        Returns:
            For each what kept it from being recorded, or nothing where it is durable.

        Raises:
            LedgerBroken, LedgerBusy, LedgerUnavailable, MissingLedger: none was recorded.
            DecisionInDoubt: nobody can tell.
        """
        self._in_doubt = False
        try:
            return self._attempt(submissions, look=False)
        except self._database.errors as error:
            if database.is_locked(error):
                raise self._unavailable(error) from error
        try:
            return self._attempt(submissions, look=True)
        except self._database.errors as error:
            return self._what_stands(submissions, error)
        except LedgerError as error:
            if self._in_doubt:  # the first attempt may have committed, and nobody can look
                raise self._doubt(error) from error
            raise

    def close(self) -> None:
        """Give the connection back."""
        self._drop()
        if self._turn:
            self._turn.close()

    def _attempt(self, submissions: Sequence[Sequence[Draft]], *, look: bool) -> list[Outcome]:
        outcomes: list[Outcome] = [None] * len(submissions)
        head: Head | None = None
        with self._transaction() as connection:
            if look:
                outcomes, drafts = self._unrecorded(connection, submissions)
            else:
                drafts = [draft for submission in submissions for draft in submission]
            if drafts:
                head = self._chain.extend(connection, drafts, self._head)
            self._in_doubt = True
            connection.commit()
        if head:
            self._head = head
            self._chain.remember(head)
            self._keeper.follow()
        return outcomes

    def _unrecorded(
        self, connection: Connection, submissions: Sequence[Sequence[Draft]]
    ) -> tuple[list[Outcome], list[Draft]]:
        """What is still to be recorded, and which submissions are refused."""
        ids = [draft.decision_id for submission in submissions for draft in submission]
        taken: dict[str, str] = {
            decision_id: stored.content_key
            for decision_id, stored in decision_store.standing(connection, ids).items()
        }
        outcomes: list[Outcome] = []
        drafts: list[Draft] = []
        for submission in submissions:
            claimed = {draft.decision_id: draft for draft in submission}
            refused = _conflict(submission, taken)
            outcomes.append(refused)
            if refused is None:
                drafts += [d for name, d in claimed.items() if name not in taken]
                taken |= {name: draft.content_key for name, draft in claimed.items()}
        return outcomes, drafts

    def _what_stands(
        self, submissions: Sequence[Sequence[Draft]], error: Exception
    ) -> list[Outcome]:
        """After two failed attempts: what the database says, if it answers."""
        if not self._in_doubt:
            raise self._unavailable(error) from error
        try:
            with self._transaction() as connection:
                outcomes, drafts = self._unrecorded(connection, submissions)
        except (*self._database.errors, LedgerError):
            raise self._doubt(error) from error
        open_ids = {draft.decision_id for draft in drafts}
        return [
            self._unavailable(error)
            if outcome is None and any(draft.decision_id in open_ids for draft in submission)
            else outcome
            for submission, outcome in zip(submissions, outcomes, strict=True)
        ]

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        """The locked ledger; whatever fails ends the connection, so the next one is fresh."""
        try:
            with self._turn.taken() if self._turn else nullcontext():
                connection = self._connected()
                self._lock(connection)
                self._keeper.check(connection)
                yield connection
                connection.rollback()  # where nothing was committed
        except BaseException:
            self._drop()
            raise

    def _lock(self, connection: Connection) -> None:
        """Lock the ledger, and forget its head if anybody else can have moved it."""
        changes = decision_store.foreign_changes(connection)
        if changes is None or changes != self._changes:
            self._head = None
            self._chain.lock(connection)
        self._changes = changes

    def _connected(self) -> Connection:
        file = self._database.file_identity()
        if self._connection is None or file != self._file:
            self._drop()
            self._connection = self._database.writer()
            self._file = file
        return self._connection

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        self._head = self._changes = None
        if connection is not None:
            self._database.discard(connection)

    def _doubt(self, error: Exception) -> DecisionInDoubt:
        asked = isinstance(error, self._database.errors)
        reason = database.reason_of(error) if asked else "it cannot be asked now"
        return DecisionInDoubt(self._database.shown_url, reason)

    def _unavailable(self, error: Exception) -> LedgerUnavailable:
        return LedgerUnavailable(self._database.shown_url, database.reason_of(error))


def _conflict(submission: Sequence[Draft], taken: dict[str, str]) -> DecisionConflict | None:
    """Why a submission is refused: one of its ids stands for something else."""
    own: dict[str, str] = {}
    for draft in submission:
        for names in (taken, own):
            if names.get(draft.decision_id, draft.content_key) != draft.content_key:
                return DecisionConflict(draft.decision_id)
        own[draft.decision_id] = draft.content_key
    return None
