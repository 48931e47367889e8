"""The ledger: append decisions, read them, verify that they are what was recorded.

An append holds the ledger's lock, compares the database's head with the anchor, writes the next
anchor beside the present one, commits the entries, and renames the anchor into place. Killed
anywhere, it leaves either nothing or one whole signed batch that the next append anchors.
docs/decisions/0011-ledger.md argues why.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from creditrisk.ledger import database
from creditrisk.ledger.anchor import Anchor, AnchorFile
from creditrisk.ledger.database import SQLITE, LedgerDatabase
from creditrisk.ledger.entries import Entry, Head, canonical_text, genesis, sealed_entry
from creditrisk.ledger.errors import (
    AnchorBehind,
    LedgerMoved,
    LedgerUnavailable,
    MissingLedger,
    RecordInDoubt,
)
from creditrisk.ledger.identity import LedgerIdentity
from creditrisk.ledger.keys import resolve_key
from creditrisk.ledger.places import ledger_url, promotions_anchor
from creditrisk.ledger.schema import PROMOTIONS
from creditrisk.ledger.verification import Audit, Finding, Verification, place_findings

if TYPE_CHECKING:
    from sqlalchemy import Connection

_WAIT_SECONDS = 30.0
_DECISION_SECONDS = 300.0


class Ledger:
    """An append-only record of decisions in a database, its signed head in a file outside it."""

    def __init__(self, url: str, key: str | None, anchor: Path, *, create: bool) -> None:
        self._database = LedgerDatabase(url)
        self._anchor_file = AnchorFile(anchor)
        local = self._database.engine.dialect.name == SQLITE
        with ExitStack() as stack:
            stack.callback(self.close)
            stack.enter_context(self._told())
            self._key = resolve_key(key, anchor.parent, demonstration_allowed=local, make=create)
            self._identity = LedgerIdentity(
                self._database, database.IDENTITY, PROMOTIONS, self._anchor_file, self._key
            )
            self._ledger_id = self._identity.open(create=create)
            stack.pop_all()

    @classmethod
    def open(
        cls,
        url: str | None = None,
        key: str | None = None,
        anchor: Path | None = None,
        *,
        create: bool = True,
    ) -> Self:
        """Open a ledger; what is not given comes from the environment, else a local default.

        Args:
            url: SQLAlchemy's URL of the database (CREDITRISK_LEDGER_URL).
            key: text of the signing key (CREDITRISK_LEDGER_KEY), see `keys.resolve_key`.
            anchor: file of the signed head (CREDITRISK_LEDGER_ANCHOR).
            create: make the ledger where there is none.

        Raises:
            MissingLedger: there is none and `create` is false.
            LedgerBroken: there is none although the anchor knows entries.
            InvalidLedgerKey, InvalidLedgerAddress, LedgerUnavailable: it cannot be used.
        """
        return cls(ledger_url(url), key, promotions_anchor(anchor), create=create)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections to the database."""
        self._database.close()

    @property
    def head(self) -> Head:
        """Where the ledger ends."""
        with self._database.reading() as connection:
            last = database.last_entry(connection)
        return self._head_after(last)

    def head_of(self, kind: str) -> str:
        """Hash of the last entry of a kind; where there is none, that of the empty ledger."""
        with self._database.reading() as connection:
            return self._head_after(database.last_entry(connection, kind)).sha256

    @contextmanager
    def deciding(self, kind: str) -> Iterator[None]:
        """Let nobody else who asks for this turn decide about a kind at the same time.

        Others may append meanwhile. A killed process gives its turn back.

        Raises:
            LedgerBusy: somebody else has had it for too long.
        """
        with self._anchor_file.turn(_DECISION_SECONDS, kind):
            yield

    def append(
        self, kind: str, content: Mapping[str, Any], *, expected_head: str | None = None
    ) -> Entry:
        """Record one decision; see `append_many`."""
        return self.append_many(kind, [content], expected_head=expected_head)[0]

    def append_many(
        self, kind: str, contents: Sequence[Mapping[str, Any]], *, expected_head: str | None = None
    ) -> tuple[Entry, ...]:
        """Record decisions in one transaction: all of them or none.

        Args:
            kind: what sort of decisions they are.
            contents: what JSON can hold.
            expected_head: `head_of(kind)` as the caller saw it when it decided.

        Raises:
            LedgerMoved: that kind's head is another by now.
            LedgerBroken: the ledger is not what was recorded.
            InvalidEntry, LedgerBusy, LedgerUnavailable: nothing was recorded.
            RecordInDoubt, AnchorBehind: see there; everything else means nothing was recorded.
        """
        texts = [canonical_text(kind, content) for content in contents]
        if not texts:
            return ()
        with self._told(), self._anchor_file.turn(_WAIT_SECONDS):
            with self._database.writing() as connection:
                head = self._settled_head(connection)
                self._check_expected(connection, kind, expected_head)
                entries = self._sealed(head, kind, texts)
                self._anchor_file.prepare(Anchor.of(self._head_after(entries[-1]), self._key))
                database.insert(connection, entries)
                self._commit(connection, entries)
            self._move_anchor(entries)
        return entries

    def entries(self, kind: str | None = None) -> Iterator[Entry]:
        """Entries in order, of one kind or all, as they are stored; `verify` judges them."""
        with self._database.reading() as connection:
            yield from database.stored_entries(connection, kind)

    def verify(self) -> Verification:
        """Compare every entry with its hash, its signature, its neighbours and the anchor.

        Appends wait only while the two heads are read, not while entries are checked.
        """
        audit = Audit(genesis(self._ledger_id), self._key)
        with ExitStack() as stack:
            with self._told(), self._anchor_file.turn(_WAIT_SECONDS):
                anchor, problems = self._identity.sound_anchor(self._ledger_id)
                connection = stack.enter_context(self._database.reading())
                last = database.last_entry(connection)  # from here on the connection sees one state
            audit.walk(database.stored_entries(connection))
            end = last.sequence if last else 0
            findings = [*audit.findings, *problems]
            if anchor:
                findings += self._place_findings(connection, anchor, end)
        return Verification(
            shown_url=self._database.shown_url,
            rows=audit.rows,
            head=audit.head,
            key_kind=self._key.kind,
            unanchored=max(0, end - anchor.sequence) if anchor and not findings else 0,
            findings=tuple(findings),
        )

    def _lock(self, connection: Connection) -> None:
        """Lock the ledger, which stands where it stood."""
        if database.stored_ledger_id(connection, database.IDENTITY, lock=True) is None:
            raise MissingLedger(self._database.shown_url, self._anchor_file.path)

    def _settled_head(self, connection: Connection) -> Head:
        """The database's head, which is what the anchor says.

        Where a killed append left its batch behind the anchor, the anchor is moved first: no
        second batch may come to stand behind it.
        """
        self._lock(connection)
        anchor, findings = self._identity.sound_anchor(self._ledger_id)
        if anchor is None:
            raise self._identity.broken(findings)
        last = database.last_entry(connection)
        head = self._head_after(last)
        findings = self._place_findings(connection, anchor, head.sequence)
        if not findings and last and anchor.sequence < head.sequence:
            audit = Audit(anchor.head, self._key)
            audit.walk(database.stored_entries(connection, after=anchor.sequence))
            findings = [*audit.findings]
        if findings:
            raise self._identity.broken(findings)
        if last and anchor.sequence < head.sequence:
            self._anchor_file.prepare(Anchor.of(head, self._key))
            self._anchor_file.publish()
        return head

    def _check_expected(self, connection: Connection, kind: str, expected: str | None) -> None:
        if expected is None:
            return
        seen = self._head_after(database.last_entry(connection, kind)).sha256
        if seen != expected:
            raise LedgerMoved(kind, expected, seen)

    def _sealed(self, head: Head, kind: str, texts: Sequence[str]) -> tuple[Entry, ...]:
        recorded_at = datetime.now(UTC).isoformat(timespec="microseconds")
        batch_end = head.sequence + len(texts)
        entries = []
        for text in texts:
            entry = sealed_entry(head, kind, recorded_at, batch_end, text, key=self._key)
            entries.append(entry)
            head = entry.head(head.ledger_id)
        return tuple(entries)

    def _commit(self, connection: Connection, entries: Sequence[Entry]) -> None:
        from sqlalchemy.exc import SQLAlchemyError

        try:
            connection.commit()
        except SQLAlchemyError as error:
            if not self._stands(entries, error):
                raise

    def _stands(self, entries: Sequence[Entry], error: Exception) -> bool:
        """Whether entries stand although their commit reported an error."""
        first, last = entries[0].sequence, entries[-1]
        try:
            with self._database.reading() as connection:
                return database.entry_at(connection, last.sequence) == last
        except LedgerUnavailable:
            reason = database.reason_of(error)
            raise RecordInDoubt(self._database.shown_url, first, last.sequence, reason) from error

    def _move_anchor(self, entries: Sequence[Entry]) -> None:
        try:
            self._anchor_file.publish()
        except OSError as error:
            first, last = entries[0].sequence, entries[-1].sequence
            raise AnchorBehind(self._anchor_file.path, first, last, str(error)) from error

    def _place_findings(self, connection: Connection, anchor: Anchor, end: int) -> list[Finding]:
        at = database.entry_at(connection, anchor.sequence)
        after = database.entry_at(connection, anchor.sequence + 1)
        return place_findings(anchor, end, self._head_after(at), after)

    def _head_after(self, entry: Entry | None) -> Head:
        return entry.head(self._ledger_id) if entry else genesis(self._ledger_id)

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise LedgerUnavailable(self._database.shown_url, str(error)) from error
