"""How a ledger comes to be, and how its anchor is read."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from creditrisk.core.errors import MissingFile, UnreadableReport
from creditrisk.ledger import database, schema
from creditrisk.ledger.anchor import Anchor, AnchorFile
from creditrisk.ledger.database import LedgerDatabase
from creditrisk.ledger.entries import genesis
from creditrisk.ledger.errors import LedgerBroken, MissingLedger
from creditrisk.ledger.keys import LedgerKey
from creditrisk.ledger.verification import Finding, anchor_findings

if TYPE_CHECKING:
    import sqlalchemy as sa

_WAIT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class LedgerIdentity:
    """One ledger of a database: the table of its id, the tables it needs, its anchor and key."""

    database: LedgerDatabase
    table: sa.Table
    revision: str
    anchor_file: AnchorFile
    key: LedgerKey

    def open(self, *, create: bool) -> str:
        """The id of the ledger in the database, which is made where there is none.

        Raises:
            MissingLedger: there is none and `create` is false.
            LedgerBroken: there is none although the anchor knows entries.
            OlderSchema, NewerSchema: the tables are of another version.
        """
        if create:
            with self.anchor_file.turn(_WAIT_SECONDS):
                if self._stored_id() is None:
                    self._create()
        ledger_id = self._stored_id()
        if ledger_id is None:
            raise MissingLedger(self.database.shown_url, self.anchor_file.path)
        return ledger_id

    def sound_anchor(self, ledger_id: str | None) -> tuple[Anchor | None, list[Finding]]:
        """The anchor, or what makes it worthless."""
        path = self.anchor_file.path
        try:
            anchor = Anchor.read(path)
        except MissingFile:
            return None, [Finding(None, None, f"the anchor {path} is missing")]
        except (UnreadableReport, UnicodeDecodeError):
            return None, [Finding(None, None, f"the anchor {path} cannot be read")]
        findings = anchor_findings(anchor, ledger_id or anchor.ledger_id, self.key)
        return (None if findings else anchor), findings

    def broken(self, findings: Sequence[Finding]) -> LedgerBroken:
        """The refusal to add to a ledger that is not what was recorded."""
        return LedgerBroken(self.database.shown_url, [str(finding) for finding in findings])

    def _stored_id(self) -> str | None:
        if not self.database.holds_file():
            return None
        with self.database.reading() as connection:
            if schema.revision_of(connection) is None:
                return None
            schema.require(connection, self.revision, self.database.shown_url)
            return database.stored_ledger_id(connection, self.table)

    def _create(self) -> None:
        """Make an empty ledger: first its anchor, then its tables and its id.

        Killed between the two it leaves an anchor of nothing, from which the next one continues.
        """
        with self.database.writing(create=True) as connection:
            ledger_id = self._anchored_id() or self._newly_anchored_id()
            begin_ledger(connection, self, ledger_id)
            connection.commit()

    def _anchored_id(self) -> str | None:
        if not self.anchor_file.path.exists():
            return None
        anchor, findings = self.sound_anchor(None)
        if anchor and anchor.sequence == 0:
            return anchor.ledger_id
        raise self.broken(findings or [Finding(None, None, "the database holds no ledger")])

    def _newly_anchored_id(self) -> str:
        ledger_id = secrets.token_hex(16)
        self.anchor_file.prepare(Anchor.of(genesis(ledger_id), self.key))
        self.anchor_file.publish()
        return ledger_id


def begin_ledger(connection: sa.Connection, identity: LedgerIdentity, ledger_id: str) -> None:
    """Give an empty ledger its id, and a database without tables all of them."""
    if schema.revision_of(connection) is None:
        schema.upgrade(connection, identity.database.shown_url)
    connection.execute(identity.table.insert(), {"ledger_id": ledger_id})
