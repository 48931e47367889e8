"""Where a test keeps its ledger, and how it tampers with it."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from creditrisk.ledger import Ledger, Verification
from creditrisk.ledger.anchor import Anchor

KEY = "a secret of the tests, 32 bytes and more"

# Appends and says each sequence once the append has returned. Arguments: url, anchor, rows each.
APPENDER = """
import sys
from pathlib import Path
from creditrisk.ledger import Ledger
url, anchor, rows, rounds = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
with Ledger.open(url, anchor=anchor) as ledger:
    for _ in range(rounds):
        entries = ledger.append_many("scoring", [{"by": rows}] * rows)
        print(entries[-1].sequence, flush=True)
"""
FOR_EVER = 10**9


def appender(url: str, anchor: Path, *, rows: int, rounds: int) -> subprocess.Popen[str]:
    """A process that appends batches."""
    return subprocess.Popen(
        [sys.executable, "-c", APPENDER, url, str(anchor), str(rows), str(rounds)],
        env={**os.environ, "CREDITRISK_LEDGER_KEY": KEY},
        stdout=subprocess.PIPE,
        text=True,
    )


@dataclass(frozen=True)
class Place:
    """Where a ledger's database and anchor lie."""

    folder: Path
    key: str = KEY

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.folder / "ledger.db"

    @property
    def anchor(self) -> Path:
        """The anchor."""
        return self.folder / "anchor" / "anchor.json"

    @property
    def url(self) -> str:
        """SQLAlchemy's URL of the database."""
        return f"sqlite:///{self.database}"

    def open(self, *, key: str | None = None, create: bool = True) -> Ledger:
        """The ledger, opened."""
        return Ledger.open(self.url, key or self.key, self.anchor, create=create)

    def verify(self, *, key: str | None = None) -> Verification:
        """The verdict on it."""
        with self.open(key=key, create=False) as ledger:
            return ledger.verify()

    def problems(self) -> list[str]:
        """What verification finds."""
        return [str(finding) for finding in self.verify().findings]

    def tamper(self, statement: str, *values: object) -> None:
        """Change the database past its triggers, as someone with its file could."""
        with closing(sqlite3.connect(self.database)) as connection:
            names = "select name from sqlite_master where type = 'trigger'"
            for (name,) in connection.execute(names).fetchall():
                connection.execute(f"drop trigger {name}")
            connection.execute(statement, values)
            connection.commit()

    def set_in_entry_4(self, column: str, value: object) -> None:
        """Change one field of the fourth entry."""
        statement = f"update ledger_entries set {column} = ? where sequence = 4"  # noqa: S608
        self.tamper(statement, value)

    def read_anchor(self) -> Anchor:
        """The anchor as it stands."""
        return Anchor.read(self.anchor)
