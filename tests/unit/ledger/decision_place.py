"""Where a test keeps its ledger of decisions, and how it tampers with it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy
from ledger_place import KEY

from creditrisk.ledger import DecisionLedger, DecisionVerification, NewDecision
from creditrisk.ledger.anchor import Anchor

# Submits from several threads and says each id once its decision is durable.
# Arguments: url, anchor, name, threads, rounds.
SUBMITTER = """
import itertools, sys, threading
from pathlib import Path
from creditrisk.ledger import DecisionLedger, NewDecision
url, anchor, name, threads, rounds = *sys.argv[1:4], int(sys.argv[4]), int(sys.argv[5])
numbers = itertools.count()
content = b'{"features":"' + b"0123456789" * 300 + b'"}'

def submit(ledger):
    for _ in range(rounds):
        ids = [f"{name}-{next(numbers):08d}" for _ in range(3)]
        ledger.append([NewDecision("decision", one, "r-" + one, content) for one in ids])
        sys.stdout.write("".join(one + chr(10) for one in ids))
        sys.stdout.flush()

with DecisionLedger.open(url, anchor=Path(anchor)) as ledger:
    workers = [threading.Thread(target=submit, args=(ledger,)) for _ in range(threads)]
    [worker.start() for worker in workers]
    [worker.join() for worker in workers]
"""


def decision(number: int, **content: Any) -> NewDecision:
    """One decision; its content says its number and is long enough to be compressed."""
    text = json.dumps({"number": number, "features": [0.5] * 100, **content})
    return NewDecision("decision", decision_id(number), f"request-{number}", text.encode())


def decision_id(number: int) -> str:
    """The id of that decision."""
    return f"decision-{number:04d}"


@dataclass(frozen=True)
class DecisionPlace:
    """A database's URL and an anchor."""

    url: str
    anchor: Path
    key: str = KEY

    @property
    def is_sqlite(self) -> bool:
        """Whether the database is a file."""
        return self.url.startswith("sqlite")

    def open(self, *, key: str | None = None, create: bool = True) -> DecisionLedger:
        """The ledger, opened."""
        return DecisionLedger.open(self.url, key or self.key, self.anchor, create=create)

    def verify(self, *, key: str | None = None) -> DecisionVerification:
        """The verdict on it."""
        with self.open(key=key, create=False) as ledger:
            return ledger.verify()

    def problems(self) -> list[str]:
        """What verification finds."""
        return [str(finding) for finding in self.verify().findings]

    def tamper(self, *statements: str, **values: Any) -> None:
        """Change the database past its triggers, as someone who owns it could."""
        engine = sqlalchemy.create_engine(self.url, poolclass=sqlalchemy.NullPool)
        with engine.begin() as connection:
            if self.is_sqlite:
                names = "select name from sqlite_master where type = 'trigger'"
                for (name,) in connection.exec_driver_sql(names).fetchall():
                    connection.exec_driver_sql(f"drop trigger {name}")
            else:
                connection.exec_driver_sql("set session_replication_role = replica")
            for statement in statements:
                connection.execute(sqlalchemy.text(statement), values)

    def change(self, statement: str) -> None:
        """Run a careless statement, which the triggers see."""
        engine = sqlalchemy.create_engine(self.url, poolclass=sqlalchemy.NullPool)
        with engine.begin() as connection:
            connection.exec_driver_sql(statement)

    def read_anchor(self) -> Anchor:
        """The anchor as it stands."""
        return Anchor.read(self.anchor)

    def submitter(self, name: str, *, threads: int, rounds: int) -> subprocess.Popen[str]:
        """A process that submits from several threads."""
        arguments = [self.url, str(self.anchor), name, str(threads), str(rounds)]
        return subprocess.Popen(
            [sys.executable, "-c", SUBMITTER, *arguments],
            env={**os.environ, "CREDITRISK_LEDGER_KEY": self.key},
            stdout=subprocess.PIPE,
            text=True,
        )
