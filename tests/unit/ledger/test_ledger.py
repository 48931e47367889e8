from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time

import pytest
from ledger_place import APPENDER, FOR_EVER, KEY, Place, appender

from creditrisk.ledger import Ledger
from creditrisk.ledger.anchor import AnchorFile
from creditrisk.ledger.errors import (
    AnchorBehind,
    InvalidEntry,
    LedgerBroken,
    LedgerError,
    LedgerMoved,
    LedgerUnavailable,
    RecordInDoubt,
)


def killed_at(place: Place, moment: str) -> None:
    """Append in a process that is killed where it calls that function."""
    owner, _, function = moment.rpartition(".")
    sabotage = f"""
import os, signal
from creditrisk.ledger import anchor, database, identity, ledger
def die(*_): os.kill(os.getpid(), signal.SIGKILL)
{owner}.{function} = die
"""
    arguments = [place.url, str(place.anchor), "3", "1"]
    process = subprocess.run(
        [sys.executable, "-c", sabotage + APPENDER, *arguments],
        env={**os.environ, "CREDITRISK_LEDGER_KEY": KEY},
        check=False,
    )
    assert process.returncode == -signal.SIGKILL


def test_an_entry_says_what_was_recorded(place: Place) -> None:
    """An append gives the entry as it stands: place, time, content, hash."""
    with place.open() as ledger:
        entry = ledger.append("promotion", {"version": "3"})
        assert entry.sequence == 11
        assert entry.content == {"version": "3"}
        assert entry.recorded_at.endswith("+00:00")
        assert [*ledger.entries()][-1] == entry
        assert ledger.head == entry.head(ledger.head.ledger_id)


def test_entries_come_by_kind(place: Place) -> None:
    """Entries of one kind come in order, without the others."""
    with place.open() as ledger:
        assert [entry.sequence for entry in ledger.entries("promotion")] == [1, 2, 3, 4, 5]
        assert [entry.sequence for entry in ledger.entries()] == [*range(1, 11)]


def test_a_ledger_goes_on_where_it_ended(place: Place) -> None:
    """A ledger that is opened anew continues its chain."""
    with place.open() as ledger:
        assert ledger.append("promotion", {}).sequence == 11
    assert place.verify().is_whole


def test_the_environment_names_the_ledger(empty: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Database, key and anchor come from the environment."""
    monkeypatch.setenv("CREDITRISK_LEDGER_URL", empty.url)
    monkeypatch.setenv("CREDITRISK_LEDGER_KEY", KEY)
    monkeypatch.setenv("CREDITRISK_LEDGER_ANCHOR", str(empty.anchor))
    with Ledger.open() as ledger:
        ledger.append("promotion", {})
    assert empty.verify().rows == 1


def test_nothing_to_record_records_nothing(place: Place) -> None:
    """An empty batch leaves the ledger as it is."""
    with place.open() as ledger:
        assert ledger.append_many("scoring", []) == ()
    assert place.verify().rows == 10


def test_a_batch_is_recorded_whole_or_not_at_all(place: Place) -> None:
    """One entry that cannot be recorded keeps its whole batch out."""
    with place.open() as ledger, pytest.raises(InvalidEntry):
        ledger.append_many("scoring", [{"pd": 0.1}, {"pd": float("inf")}])
    assert place.verify().rows == 10


def test_a_decision_that_came_too_late_is_refused(place: Place) -> None:
    """Of two decisions made after the same entry the second is refused."""
    with place.open() as ledger:
        seen = ledger.head_of("promotion")
        ledger.append("promotion", {"by": "one"}, expected_head=seen)
        with pytest.raises(LedgerMoved, match="Another decision came first"):
            ledger.append("promotion", {"by": "other"}, expected_head=seen)
    assert place.verify().rows == 11


def test_the_first_decision_of_a_kind_is_expected_after_nothing(empty: Place) -> None:
    """Where a kind has no entry yet its head is that of the empty ledger."""
    with empty.open() as ledger:
        seen = ledger.head_of("promotion")
        ledger.append("scoring", {})
        ledger.append("promotion", {}, expected_head=seen)
    assert empty.verify().is_whole


def test_other_kinds_do_not_outdate_a_decision(place: Place) -> None:
    """Scoring goes on while a promotion is decided."""
    with place.open() as ledger:
        seen = ledger.head_of("promotion")
        ledger.append("scoring", {})
        assert ledger.append("promotion", {}, expected_head=seen).sequence == 12


def test_two_processes_append_at_once(empty: Place) -> None:
    """Entries of both stand, in one whole chain."""
    processes = [appender(empty.url, empty.anchor, rows=rows, rounds=40) for rows in (1, 3)]
    outputs = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    with empty.open() as ledger:
        by = [entry.content["by"] for entry in ledger.entries()]
    assert (by.count(1), by.count(3)) == (40, 120)
    assert len(set("".join(outputs).split())) == 80
    assert empty.verify().is_whole


@pytest.mark.parametrize(
    ("moment", "stands"),
    [
        ("anchor.AnchorFile.prepare", 0),
        ("database.insert", 0),
        ("ledger.Ledger._commit", 0),
        ("ledger.Ledger._move_anchor", 3),
    ],
    ids=["before preparing", "before inserting", "before committing", "before anchoring"],
)
def test_a_kill_leaves_all_or_nothing(place: Place, moment: str, stands: int) -> None:
    """Killed anywhere, an append leaves a whole ledger, and the next one settles the anchor."""
    killed_at(place, moment)
    verification = place.verify()
    assert verification.is_whole
    assert (verification.rows, verification.unanchored) == (10 + stands, stands)
    with place.open() as ledger:
        ledger.append("promotion", {})
    assert place.verify().unanchored == 0
    assert place.read_anchor().sequence == 11 + stands


def test_a_second_kill_before_anchoring_is_no_tampering(place: Place) -> None:
    """The anchor is settled before the next batch, so it is never two batches behind."""
    killed_at(place, "ledger.Ledger._move_anchor")
    killed_at(place, "ledger.Ledger._move_anchor")
    verification = place.verify()
    assert verification.is_whole
    assert (verification.rows, verification.unanchored) == (16, 3)


@pytest.mark.parametrize(
    "moment", ["identity.begin_ledger", "identity.LedgerIdentity._newly_anchored_id"]
)
def test_a_kill_while_a_ledger_is_made(empty: Place, moment: str) -> None:
    """A ledger that was half made is made by the next one who opens it."""
    killed_at(empty, moment)
    with empty.open() as ledger:
        ledger.append("promotion", {})
    assert empty.verify().is_whole


def test_processes_killed_at_random_leave_a_whole_ledger(empty: Place) -> None:
    """After each kill the chain is whole and holds every entry whose append had returned."""
    chance = random.Random(1)  # noqa: S311  # moments, not secrets
    for _ in range(5):
        process = appender(empty.url, empty.anchor, rows=chance.choice((1, 50)), rounds=FOR_EVER)
        assert process.stdout
        first = process.stdout.readline()
        time.sleep(chance.uniform(0, 0.2))
        process.kill()
        said = [first, *process.stdout]
        process.wait()
        process.stdout.close()
        verification = empty.verify()
        assert verification.is_whole, verification.findings
        assert verification.rows >= max(int(line) for line in said if line.endswith("\n"))


def allow_no_more_pages(ledger: Ledger) -> None:
    """Keep the database at its size, as a full disk would."""
    from sqlalchemy import event

    def limit(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute("pragma max_page_count = 1")

    engine = ledger._database.engine
    engine.dispose()
    event.listen(engine, "connect", limit)


def test_a_full_disk_is_told(place: Place) -> None:
    """Where the database takes no more, the caller knows that nothing was recorded."""
    with place.open() as ledger:
        allow_no_more_pages(ledger)
        with pytest.raises(LedgerUnavailable, match=r"full\. Nothing was recorded"):
            ledger.append("scoring", {"long": "x" * 100_000})
    assert place.verify().is_whole
    assert place.verify().rows == 10


def test_a_full_disk_of_the_anchor_is_told_before_the_commit(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An anchor that cannot be written keeps the entries out of the database."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(AnchorFile, "prepare", full)
    with place.open() as ledger, pytest.raises(LedgerUnavailable, match="No space left"):
        ledger.append("promotion", {})
    assert place.verify().rows == 10


def test_an_anchor_that_cannot_be_moved_is_told(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Recorded but not anchored is an error of its own, which the next append mends."""
    with monkeypatch.context() as patch:
        patch.setattr(AnchorFile, "publish", lambda _: (_ for _ in ()).throw(OSError("gone")))
        with place.open() as ledger, pytest.raises(AnchorBehind, match="Entries 11 to 11"):
            ledger.append("promotion", {})
    assert place.verify().unanchored == 1


def test_a_read_only_database_is_told(place: Place) -> None:
    """A database that may only be read records nothing and says so."""
    url = f"sqlite:///file:{place.database}?mode=ro&uri=true"
    with Ledger.open(url, KEY, place.anchor) as ledger:
        with pytest.raises(LedgerUnavailable, match=r"readonly.*Nothing was recorded"):
            ledger.append("promotion", {})
        assert ledger.verify().is_whole


def test_a_commit_in_doubt_is_told(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that vanishes while it commits leaves the caller in no false certainty."""
    from sqlalchemy import Connection
    from sqlalchemy.exc import OperationalError

    def vanish(_: Connection) -> None:
        place.database.rename(place.database.with_suffix(".away"))
        place.database.mkdir()
        raise OperationalError("commit", {}, Exception("connection lost"))

    monkeypatch.setattr(Connection, "commit", vanish)
    with place.open() as ledger, pytest.raises(RecordInDoubt, match="may stand or not"):
        ledger.append("promotion", {"name": "hidden"})


def test_a_commit_that_reports_an_error_but_stands_is_a_success(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What counts is what the database holds afterwards."""
    from sqlalchemy import Connection
    from sqlalchemy.exc import OperationalError

    commit = Connection.commit

    def stutter(connection: Connection) -> None:
        commit(connection)
        raise OperationalError("commit", {}, Exception("connection lost"))

    monkeypatch.setattr(Connection, "commit", stutter)
    with place.open() as ledger:
        assert ledger.append("promotion", {}).sequence == 11
    assert place.verify().is_whole


def test_errors_show_no_content(place: Place) -> None:
    """What was to be recorded appears in no error."""
    place.tamper("drop table ledger_entries")
    with place.open() as ledger, pytest.raises(LedgerError) as error:
        ledger.append("scoring", {"name": "somebody"})
    assert "somebody" not in str(error.value)
    assert not isinstance(error.value, LedgerBroken)
