"""The ledger of decisions: what was answered, durable before the answer leaves.

docs/decisions/0019-decision-ledger.md argues how it is built.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Self, cast

from creditrisk.core.files import atomic_path, free_bytes
from creditrisk.ledger import decision_store, retention
from creditrisk.ledger.anchor import AnchorFile
from creditrisk.ledger.database import SQLITE, LedgerDatabase
from creditrisk.ledger.decision_anchor import AnchorKeeper
from creditrisk.ledger.decision_chain import Clock, DecisionChain, system_clock
from creditrisk.ledger.decision_entries import NewDecision, StoredDecision, check_decision_id
from creditrisk.ledger.decision_recorder import DecisionRecorder
from creditrisk.ledger.decision_verification import (
    DecisionVerification,
    checked_decision,
    verify_decisions,
)
from creditrisk.ledger.decision_writer import DecisionWriter
from creditrisk.ledger.errors import LedgerError, LedgerUnavailable, UnknownDecision
from creditrisk.ledger.identity import LedgerIdentity
from creditrisk.ledger.keys import LedgerKey, resolve_key
from creditrisk.ledger.outcomes import OutcomeBook
from creditrisk.ledger.places import decisions_anchor, ledger_url
from creditrisk.ledger.schema import DECISIONS
from creditrisk.ledger.turn import FairTurn

_WAIT_SECONDS = 5.0
_PROBE_SECONDS = 1.0
_ROWS_A_PAGE = 1_000
_LEAST_FREE_BYTES = 32 << 20


@dataclass(frozen=True, slots=True)
class LedgerCondition:
    """Whether decisions can be recorded now, and how much waits for it.

    Attributes:
        problem: why nothing can be recorded, if so.
        waiting_records, waiting_bytes: what has been submitted and is not durable yet.
        anchor_problem: why the anchor does not follow; decisions are recorded all the same.
    """

    problem: str | None
    waiting_records: int
    waiting_bytes: int
    anchor_problem: str | None

    @property
    def is_writable(self) -> bool:
        """Whether decisions can be recorded."""
        return self.problem is None


class DecisionLedger:
    """An append-only record of decisions; contents can be retired, their proofs stay."""

    def __init__(
        self,
        url: str,
        key: str | None,
        anchor: Path,
        *,
        create: bool,
        clock: Clock = system_clock,
    ) -> None:
        self._database = LedgerDatabase(url, _WAIT_SECONDS)
        self._probe_database = LedgerDatabase(url, _PROBE_SECONDS)
        local = self._database.engine.dialect.name == SQLITE
        with ExitStack() as stack:
            stack.callback(self._database.close)
            self._key = self._resolved_key(key, anchor, local=local, create=create)
            self._identity = LedgerIdentity(
                self._database, decision_store.IDENTITY, DECISIONS, AnchorFile(anchor), self._key
            )
            self._chain = DecisionChain(self._identity, self._identity.open(create=create), clock)
            stack.pop_all()
        self._keeper = AnchorKeeper(self._identity, self._chain)
        turn = FairTurn(anchor, _WAIT_SECONDS) if local else None  # PostgreSQL queues by itself
        recorder = DecisionRecorder(self._database, self._chain, self._keeper, turn)
        self._writer = DecisionWriter(recorder, self._database.shown_url)

    @classmethod
    def open(
        cls,
        url: str | None = None,
        key: str | None = None,
        anchor: Path | None = None,
        *,
        create: bool = True,
        clock: Clock = system_clock,
    ) -> Self:
        """Open the ledger; what is not given comes from the environment, else a local default.

        Args:
            url: SQLAlchemy's URL of the database (CREDITRISK_LEDGER_URL).
            key: text of the signing key (CREDITRISK_LEDGER_KEY), see `keys.resolve_key`.
            anchor: file of the signed head; by default beside that of CREDITRISK_LEDGER_ANCHOR.
            create: make the ledger where there is none.
            clock: says when something is recorded; another one only for a simulated ledger.

        Raises:
            MissingLedger: there is none and `create` is false.
            LedgerBroken: there is none although the anchor knows entries.
            OlderSchema, NewerSchema: the tables are of another version.
            InvalidLedgerKey, InvalidLedgerAddress, LedgerUnavailable: it cannot be used.
        """
        return cls(ledger_url(url), key, anchor or decisions_anchor(), create=create, clock=clock)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Record what waits, move the anchor, close the connections."""
        self._writer.close()
        self._keeper.close()
        self._database.close()
        self._probe_database.close()

    def submit(self, decisions: Sequence[NewDecision]) -> Future[None]:
        """Let decisions be recorded together; the future resolves once all are durable.

        It fails with
            DecisionConflict: an id stands for another decision; nothing was recorded.
            LedgerBacklogged, LedgerUnavailable, LedgerBroken: nothing was recorded.
            DecisionInDoubt: the database vanished while it committed.
        Recording the same again under the same ids is safe after any of them.
        """
        return self._writer.submit(decisions)

    def append(self, decisions: Sequence[NewDecision]) -> None:
        """Record decisions and return once they are durable; raises what `submit` fails with."""
        self.submit(decisions).result()

    def get(self, decision_id: str) -> StoredDecision:
        """One decision, compared with its own proof.

        Raises:
            InvalidDecisionId, UnknownDecision: there is none.
            DamagedDecision: it is not what was recorded.
        """
        check_decision_id(decision_id)
        with self._database.reading() as connection:
            found = decision_store.by_id(connection, decision_id)
        if found is None:
            raise UnknownDecision(decision_id)
        return checked_decision(found, self._chain.ledger_id, self._key)

    def after(
        self, sequence: int, limit: int = _ROWS_A_PAGE, *, contents: bool = True
    ) -> list[StoredDecision]:
        """Up to `limit` decisions behind a sequence, in order, as stored; `verify` judges them.

        What is recorded later has a higher sequence: nobody who reads on misses one.
        """
        with self._database.reading() as connection:
            rows = decision_store.rows_after(connection, sequence, limit, contents=contents)
            return [decision_store.stored(row) for row in rows]

    def window(
        self, since: datetime, until: datetime, *, contents: bool = True
    ) -> Iterator[StoredDecision]:
        """Decisions recorded from `since` on and before `until`, by time, a page in memory."""
        bounds = _time_text(since), _time_text(until)
        behind = ("", 0)
        while True:
            with self._database.reading() as connection:
                page = decision_store.rows_between(
                    connection, *bounds, behind, _ROWS_A_PAGE, contents=contents
                )
            yield from page
            if len(page) < _ROWS_A_PAGE:
                return
            behind = (page[-1].recorded_at, page[-1].sequence)

    def export(self, path: Path) -> int:
        """Write all decisions as JSON lines, compressed where the name ends in .gz.

        A content stands in its line as it was recorded, to the byte; a retired one is null.

        Returns:
            How many lines.

        Raises:
            DamagedDecision: a content is not what was recorded; no file is written.
        """
        lines = 0
        with atomic_path(path) as temporary, _opened(temporary, path) as stream:
            while page := self.after(lines):
                for decision in page:
                    checked_decision(decision, self._chain.ledger_id, self._key)
                    stream.write(_line(decision))
                lines = page[-1].sequence
        return lines

    def outcomes(self) -> OutcomeBook:
        """What became of the applicants; its loads are entries of this ledger.

        Raises:
            OlderSchema: the database has no tables for it yet.
        """
        return OutcomeBook(self._identity, self._chain, self._keeper)

    def retain(self, days: int) -> retention.RetentionResult:
        """Retire contents that were recorded more than `days` days ago; their proofs stay."""
        result = retention.retain(self._database, self._chain, days)
        self._keeper.follow()
        return result

    def verify(self) -> DecisionVerification:
        """Compare everything with its proof; decisions are recorded meanwhile."""
        return verify_decisions(self._identity, self._chain)

    def check(self) -> LedgerCondition:
        """Whether decisions can be recorded now; costs a lock that is taken and given back."""
        return LedgerCondition(
            problem=self._problem(),
            waiting_records=self._writer.waiting_records,
            waiting_bytes=self._writer.waiting_bytes,
            anchor_problem=self._keeper.problem,
        )

    def _problem(self) -> str | None:
        if self._writer.has_just_recorded:
            return None
        try:
            with self._probe_database.writing() as connection:
                self._chain.lock(connection)
                self._chain.checked_head(connection)
                self._keeper.check(connection)
            self._check_room()
        except LedgerError as error:
            return str(error)
        return self._writer.recent_failure

    def _check_room(self) -> None:
        path = self._database.path
        if path and free_bytes(path) < _LEAST_FREE_BYTES:
            raise LedgerUnavailable(self._database.shown_url, "its disk is full")

    def _resolved_key(
        self, key: str | None, anchor: Path, *, local: bool, create: bool
    ) -> LedgerKey:
        try:
            return resolve_key(key, anchor.parent, demonstration_allowed=local, make=create)
        except OSError as error:
            raise LedgerUnavailable(self._database.shown_url, str(error)) from error


def _time_text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


@contextmanager
def _opened(temporary: Path, target: Path) -> Iterator[IO[bytes]]:
    with temporary.open("wb") as file:
        if target.suffix != ".gz":
            yield file
            return
        # Neither name nor time, so that the same decisions give the same bytes.
        with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as packed:
            yield cast("IO[bytes]", packed)


def _line(decision: StoredDecision) -> bytes:
    proof = {
        name: getattr(decision, name) for name in StoredDecision.__slots__ if name != "content"
    }
    content = b"null" if decision.content is None else decision.content
    return json.dumps(proof).encode()[:-1] + b', "content": ' + content + b"}\n"
