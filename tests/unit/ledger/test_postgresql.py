"""The ledger in a real PostgreSQL, started for these tests from Debian's package."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from ledger_place import FOR_EVER, KEY, appender
from postgresql_server import Server, execute

from creditrisk.ledger import Ledger
from creditrisk.ledger.errors import InvalidLedgerKey, LedgerUnavailable

pytestmark = pytest.mark.external


@pytest.fixture
def url(postgresql: Server) -> str:
    """The URL of a server that answers."""
    return postgresql.url


@pytest.fixture
def anchor(url: str, tmp_path: Path) -> Iterator[Path]:
    """The anchor of a ledger whose tables are dropped afterwards."""
    yield tmp_path / "anchor.json"
    execute(url, "drop schema public cascade", "create schema public")


def problems(url: str, anchor: Path) -> list[str]:
    """What verification finds."""
    with Ledger.open(url, KEY, anchor, create=False) as ledger:
        return [str(finding) for finding in ledger.verify().findings]


def test_entries_stand_in_postgresql(url: str, anchor: Path) -> None:
    """What is recorded can be read and verified, whatever characters it holds."""
    with Ledger.open(url, KEY, anchor) as ledger:
        ledger.append("promotion", {"reason": "null \0 and é"})
        entries = ledger.append_many("scoring", [{"pd": 0.1}] * 100)
        assert [*ledger.entries("scoring")] == [*entries]
        assert next(ledger.entries("promotion")).content == {"reason": "null \0 and é"}
    assert problems(url, anchor) == []


def test_tampering_in_postgresql_is_found(url: str, anchor: Path) -> None:
    """A changed and a deleted entry are named, once the table's own refusal is out of the way."""
    with Ledger.open(url, KEY, anchor) as ledger:
        ledger.append_many("scoring", [{"pd": 0.1}] * 10)
    change = "update ledger_entries set text = '{}' where sequence = 4"
    with pytest.raises(Exception, match="append-only"):
        execute(url, change)
    execute(
        url,
        "alter table ledger_entries disable trigger all",
        change,
        "delete from ledger_entries where sequence = 10",
    )
    assert problems(url, anchor) == [
        "entry 4: changed since it was recorded",
        "entry 10: missing, the anchor stands after them",
    ]


def test_two_processes_append_to_postgresql_at_once(url: str, anchor: Path) -> None:
    """Entries of both stand, in one whole chain."""
    processes = [appender(url, anchor, rows=rows, rounds=30) for rows in (1, 3)]
    assert [process.communicate() and process.returncode for process in processes] == [0, 0]
    with Ledger.open(url, KEY, anchor) as ledger:
        assert ledger.head.sequence == 30 + 90
    assert problems(url, anchor) == []


def test_a_kill_leaves_postgresql_s_ledger_whole(url: str, anchor: Path) -> None:
    """A process killed while it appends leaves a chain that the next one continues."""
    process = appender(url, anchor, rows=50, rounds=FOR_EVER)
    assert process.stdout
    process.stdout.readline()
    time.sleep(0.1)
    process.kill()
    process.communicate()
    assert problems(url, anchor) == []
    with Ledger.open(url, KEY, anchor) as ledger:
        ledger.append("promotion", {})
    assert problems(url, anchor) == []


def test_a_server_s_ledger_requires_a_secret(
    url: str, anchor: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No demonstration key signs what stands in a server's database."""
    monkeypatch.delenv("CREDITRISK_LEDGER_KEY", raising=False)
    with pytest.raises(InvalidLedgerKey):
        Ledger.open(url, anchor=anchor)


def test_a_server_that_is_gone_is_told(url: str, anchor: Path, tmp_path: Path) -> None:
    """A database that does not answer records nothing and says so."""
    nowhere = url.partition("host=")[0] + f"host={tmp_path}"
    with pytest.raises(LedgerUnavailable, match="Nothing was recorded"):
        Ledger.open(nowhere, KEY, anchor)
