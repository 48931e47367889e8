from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from creditrisk.ledger.database import LedgerDatabase
from creditrisk.ledger.errors import InvalidLedgerAddress

if TYPE_CHECKING:
    from ledger_place import Place


@pytest.mark.parametrize(
    "url",
    ["", "no url", "mysql://host/db", "sqlite://", "sqlite:///:memory:", "nothing+at+all://x"],
)
def test_an_address_that_cannot_hold_a_ledger_is_misuse(url: str) -> None:
    """What cannot be opened or keeps nothing is refused before anything is decided."""
    with pytest.raises(InvalidLedgerAddress):
        LedgerDatabase(url)


def test_a_password_is_not_shown() -> None:
    """An address is printed without its password."""
    pytest.importorskip("psycopg")
    assert "hidden" not in LedgerDatabase("postgresql+psycopg://user:hidden@host/db").shown_url


@pytest.mark.parametrize(
    "statement", ["update ledger_entries set kind = 'x'", "delete from ledger_entries"]
)
def test_the_tables_refuse_changes(place: Place, statement: str) -> None:
    """A careless statement changes nothing."""
    with (
        closing(sqlite3.connect(place.database)) as connection,
        pytest.raises(sqlite3.IntegrityError, match="append-only"),
    ):
        connection.execute(statement)


def test_commits_reach_the_disk(place: Place) -> None:
    """SQLite keeps a write-ahead log and waits for the disk at each commit."""
    database = LedgerDatabase(place.url)
    with database.reading() as connection:
        modes = [
            connection.exec_driver_sql(f"pragma {name}").scalar()
            for name in ("journal_mode", "synchronous")
        ]
    database.close()
    assert modes == ["wal", 2]
