"""A database that fails costs exactly the decisions it failed for, and nothing once it is back."""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import sqlalchemy
from decision_place import DecisionPlace, decision
from postgresql_server import Server, execute
from sqlalchemy.exc import OperationalError

from creditrisk.ledger import DecisionLedger, decision_writer
from creditrisk.ledger import decisions as module
from creditrisk.ledger.decision_recorder import DecisionRecorder
from creditrisk.ledger.errors import (
    DecisionInDoubt,
    LedgerBroken,
    LedgerBusy,
    LedgerError,
    LedgerUnavailable,
)
from creditrisk.ledger.turn import FairTurn

Commit = Callable[[sqlalchemy.Connection], None]


def sequences(ledger: DecisionLedger) -> list[str]:
    """All decisions' requests, in order."""
    return [stored.request_id for stored in ledger.after(0)]


def expected(*numbers: int) -> list[str]:
    """The requests of those decisions."""
    return [f"request-{number}" for number in numbers]


@contextmanager
def full_disk(ledger: DecisionLedger) -> Iterator[None]:
    """Keep the database at its size, as a full disk would."""
    recorder = ledger._writer._recorder
    connected = recorder._connected

    def limited() -> sqlalchemy.Connection:
        connection = connected()
        connection.connection.cursor().execute("pragma max_page_count = 1")
        return connection

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recorder, "_connected", limited)
        yield


@contextmanager
def locked(place: DecisionPlace) -> Iterator[None]:
    """Somebody else holds the ledger and does not let go."""
    engine = sqlalchemy.create_engine(place.url, poolclass=sqlalchemy.NullPool)
    with engine.connect() as connection:
        if place.is_sqlite:
            connection.exec_driver_sql("begin immediate")
        else:
            connection.exec_driver_sql("select * from decision_identity for update")
        yield
        connection.rollback()


@contextmanager
def moved_away(place: DecisionPlace) -> Iterator[None]:
    """The database's files lie elsewhere for a while."""
    folder = place.anchor.parent
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    for file in folder.glob("ledger.db*"):
        file.rename(elsewhere / file.name)
    yield
    assert not [*folder.glob("ledger.db*")]
    for file in elsewhere.iterdir():
        file.rename(folder / file.name)


def test_a_full_disk_fails_its_callers_only(sqlite_place: DecisionPlace) -> None:
    """Nothing of a transaction that found no room stands; with room, all goes on."""
    with sqlite_place.open() as ledger:
        ledger.append([decision(1)])
        with full_disk(ledger):
            with pytest.raises(LedgerUnavailable, match=r"full\. Nothing was recorded"):
                ledger.append([decision(2), decision(3, pad=secrets.token_hex(100_000))])
            assert "full" in str(ledger.check().problem)
        ledger.append([decision(2)])
        assert ledger.check().is_writable
        assert sequences(ledger) == expected(1, 2)
    assert sqlite_place.verify().is_whole


def test_a_locked_ledger_fails_its_callers_only(
    vacant: DecisionPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who waits too long for somebody else's lock is told; once it is free, all goes on."""
    monkeypatch.setattr(module, "_WAIT_SECONDS", 0.2)
    monkeypatch.setattr(module, "_PROBE_SECONDS", 0.1)
    with vacant.open() as ledger:
        ledger.append([decision(1)])
        with locked(vacant):
            start = time.monotonic()
            with pytest.raises(LedgerUnavailable, match="lock"):
                ledger.append([decision(2)])
            assert time.monotonic() - start < 10
            assert "lock" in str(ledger.check().problem)
        ledger.append([decision(2)])
        assert sequences(ledger) == expected(1, 2)
    assert vacant.verify().is_whole


def test_a_removed_file_takes_nothing(sqlite_place: DecisionPlace) -> None:
    """A file that was removed under the writer would take decisions for nobody."""
    with sqlite_place.open() as ledger:
        ledger.append([decision(1)])
        with moved_away(sqlite_place):
            with pytest.raises(LedgerUnavailable, match="no such file"):
                ledger.append([decision(2)])
            time.sleep(1)  # the anchor's thread makes no file either
            assert "no such file" in str(ledger.check().problem)
        ledger.append([decision(2)])
        assert sequences(ledger) == expected(1, 2)
    assert sqlite_place.verify().is_whole


def test_a_file_that_was_put_back_takes_nothing(sqlite_place: DecisionPlace) -> None:
    """An older copy lacks what this process has recorded."""
    file, copy = (sqlite_place.anchor.with_name(name) for name in ("ledger.db", "copy.db"))
    with sqlite_place.open() as ledger:
        ledger.append([decision(1)])
    shutil.copy(file, copy)
    with sqlite_place.open() as ledger:
        ledger.append([decision(2)])
        ledger._keeper.move()  # leaves a connection to the old file in the pool
        for rest in file.parent.glob("ledger.db?*"):
            rest.unlink()
        copy.replace(file)
        with pytest.raises(LedgerBroken, match="entry 2: missing"):
            ledger.append([decision(3)])
        assert sequences(ledger) == expected(1)


def test_a_read_only_database_is_told(sqlite_place: DecisionPlace) -> None:
    """A database that may only be read records nothing and says so."""
    with sqlite_place.open() as ledger:
        ledger.append([decision(1)])
    url = f"sqlite:///file:{sqlite_place.anchor.with_name('ledger.db')}?mode=ro&uri=true"
    with DecisionLedger.open(url, sqlite_place.key, sqlite_place.anchor) as ledger:
        with pytest.raises(LedgerUnavailable, match=r"readonly.*Nothing was recorded"):
            ledger.append([decision(2)])
        assert "readonly" in str(ledger.check().problem)


def test_a_disk_that_is_nearly_full_is_told(
    sqlite_place: DecisionPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Readiness ends before the last decision that finds room."""
    monkeypatch.setattr(module, "free_bytes", lambda _: 1_000)
    with sqlite_place.open() as ledger:
        assert "its disk is full" in str(ledger.check().problem)


def test_a_sound_ledger_is_ready(vacant: DecisionPlace) -> None:
    """Before the first decision and after it nothing is said against writing."""
    with vacant.open() as ledger:
        assert ledger.check().is_writable
        ledger.append([decision(1)])
        assert ledger.check().is_writable
        time.sleep(decision_writer._JUST_SECONDS + 0.1)  # so long a commit alone is proof
        assert ledger.check().is_writable
    assert vacant.verify().rows == 1


def vanishing(monkeypatch: pytest.MonkeyPatch, *, commits: bool, times: int) -> None:
    """Let commits fail: after they were done, or instead."""
    original: Commit = sqlalchemy.Connection.commit
    left = [times]

    def vanish(connection: sqlalchemy.Connection) -> None:
        if commits or not left[0]:
            original(connection)
        if left[0]:
            left[0] -= 1
            raise OperationalError("commit", {}, Exception("connection lost"))

    monkeypatch.setattr(sqlalchemy.Connection, "commit", vanish)


@pytest.mark.parametrize("commits", [True, False])
def test_a_commit_in_doubt_is_settled(
    decisions: DecisionPlace, monkeypatch: pytest.MonkeyPatch, *, commits: bool
) -> None:
    """Whether the lost commit was done or not, its decisions stand once, and the caller knows."""
    with decisions.open() as ledger:
        vanishing(monkeypatch, commits=commits, times=1)
        ledger.append([decision(11), decision(12)])
        assert sequences(ledger)[10:] == expected(11, 12)
    assert decisions.verify().is_whole


def connects_once(patch: pytest.MonkeyPatch, recorder: DecisionRecorder, error: Exception) -> None:
    """Let the recorder connect once more, and meet the error after that."""
    connected, calls = recorder._connected, [0]

    def connect() -> sqlalchemy.Connection:
        calls[0] += 1
        if calls[0] > 1:
            raise error
        return connected()

    patch.setattr(recorder, "_connected", connect)


@pytest.mark.parametrize(("commits", "stand"), [(True, [11]), (False, [])])
def test_a_database_that_fails_twice_tells_what_stands(
    decisions: DecisionPlace, monkeypatch: pytest.MonkeyPatch, *, commits: bool, stand: list[int]
) -> None:
    """After two failed commits the answer is what the database says."""
    with decisions.open() as ledger:
        vanishing(monkeypatch, commits=commits, times=2)
        outcome = ledger.submit([decision(11)]).exception(30)
        assert isinstance(outcome, LedgerUnavailable) is not commits
        assert sequences(ledger)[10:] == expected(*stand)


def test_a_database_that_stays_away_leaves_doubt(
    decisions: DecisionPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nobody can say whether the commit was done, nobody claims to know."""
    with decisions.open() as ledger:
        ledger.append([decision(11)])
        recorder = ledger._writer._recorder
        with monkeypatch.context() as patch:
            vanishing(patch, commits=True, times=1)
            connects_once(
                patch, recorder, OperationalError("connect", {}, Exception("nobody there"))
            )
            with pytest.raises(DecisionInDoubt, match="again under the same ids is safe"):
                ledger.append([decision(12)])
        ledger.append([decision(12)])
        assert sequences(ledger)[10:] == expected(11, 12)
    assert decisions.verify().is_whole


def test_a_ledger_that_is_busy_after_a_lost_commit_leaves_doubt(
    decisions: DecisionPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refusal to look is no proof that nothing was recorded."""
    with decisions.open() as ledger:
        ledger.append([decision(11)])
        recorder = ledger._writer._recorder
        with monkeypatch.context() as patch:
            vanishing(patch, commits=True, times=1)
            connects_once(patch, recorder, LedgerBusy(decisions.anchor, 1))
            with pytest.raises(DecisionInDoubt):
                ledger.append([decision(12)])
        assert sequences(ledger)[10:] == expected(11, 12)


def test_a_restarted_server_is_not_noticed(
    postgresql_place: DecisionPlace, postgresql: Server
) -> None:
    """A connection that went with the server is replaced before anybody is told anything."""
    with postgresql_place.open() as ledger:
        ledger.append([decision(1)])
        postgresql.stop()
        postgresql.start()
        ledger.append([decision(2)])
        assert sequences(ledger) == expected(1, 2)
    assert postgresql_place.verify().is_whole


def test_a_server_that_is_away_fails_its_callers_only(
    postgresql_place: DecisionPlace, postgresql: Server
) -> None:
    """While it is away each caller is told; once it is back, all goes on, nothing stands twice."""
    with postgresql_place.open() as ledger:
        ledger.append([decision(1)])
        postgresql.stop()
        for _ in range(2):
            with pytest.raises(LedgerError, match="Nothing was recorded"):
                ledger.append([decision(2)])
        assert not ledger.check().is_writable
        postgresql.start()
        ledger.append([decision(2)])
        assert ledger.check().is_writable
        assert sequences(ledger) == expected(1, 2)
    assert postgresql_place.verify().is_whole


def test_a_role_that_does_not_wait_for_the_disk_waits_here(
    postgresql_place: DecisionPlace, postgresql: Server
) -> None:
    """Durable means durable, whatever PostgreSQL's role is set to."""
    execute(postgresql.url, "alter role creditrisk set synchronous_commit = off")
    try:
        with postgresql_place.open() as ledger, ledger._database.reading() as connection:
            shown = connection.exec_driver_sql("show synchronous_commit").scalar()
    finally:
        execute(postgresql.url, "alter role creditrisk reset synchronous_commit")
    assert shown == "on"


def test_a_damaged_file_is_told(sqlite_place: DecisionPlace) -> None:
    """A file that is no database takes nothing, with the driver's reason."""
    with sqlite_place.open() as ledger:
        ledger.append([decision(1)])
    file = Path(sqlite_place.url.removeprefix("sqlite:///"))
    file.write_bytes(b"no database" * 1_000)
    with pytest.raises(LedgerUnavailable, match="not a database"):
        sqlite_place.verify()


def test_a_stuck_process_is_told(
    sqlite_place: DecisionPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that keeps the turn to write costs a bounded wait."""
    monkeypatch.setattr(module, "_WAIT_SECONDS", 0.2)
    with sqlite_place.open() as ledger:
        with (
            closing(FairTurn(sqlite_place.anchor, 1)) as turn,
            turn.taken(),
            pytest.raises(LedgerError, match="another process has held"),
        ):
            ledger.append([decision(1)])
        ledger.append([decision(1)])
    assert sqlite_place.verify().rows == 1
