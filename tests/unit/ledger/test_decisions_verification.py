"""Every way in which decisions can be tampered with is found, and the place is named."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from decision_place import DecisionPlace, decision
from ledger_place import KEY

from creditrisk.ledger.anchor import Anchor
from creditrisk.ledger.decision_entries import StoredDecision
from creditrisk.ledger.entries import genesis, sealed_entry
from creditrisk.ledger.errors import LedgerBroken, LedgerError, MissingLedger
from creditrisk.ledger.keys import LedgerKey

COPIED = (
    "insert into decisions select {sequence}, kind, 'copied-{sequence}', request_id, recorded_at, "
    "batch_end, content_sha256, previous_sha256, sha256, signature "
    "from decisions where sequence = {source}"
)
FORGER = "a forger's key that is long enough to serve"


def rechained(place: DecisionPlace, key: str, *, anchor: bool = False) -> None:
    """Change decision 5's request and hash and sign all entries anew with a key of one's own."""
    forged = LedgerKey(key.encode(), "secret")
    head = genesis(place.read_anchor().ledger_id)
    with place.open() as ledger:
        stored = ledger.after(0)
    for one in stored:
        changed = replace(one, request_id="forged") if one.sequence == 5 else one
        entry = sealed_entry(
            head, one.kind, one.recorded_at, one.batch_end, changed.entry.text, key=forged
        )
        place.tamper(
            "update decisions set request_id = :request, previous_sha256 = :previous, "
            "sha256 = :sha256, signature = :signature where sequence = :sequence",
            request=changed.request_id,
            previous=entry.previous_sha256,
            sha256=entry.sha256,
            signature=entry.signature,
            sequence=one.sequence,
        )
        head = entry.head(head.ledger_id)
    if anchor:
        Anchor.of(head, forged).write(place.anchor)


def test_an_untouched_ledger_is_whole(decisions: DecisionPlace) -> None:
    """Nothing is found where nothing was done."""
    verification = decisions.verify()
    assert verification.is_whole
    assert (verification.rows, verification.head.sequence, verification.retired) == (10, 10, 0)
    assert (verification.key_kind, verification.unanchored) == ("secret", 0)


def test_an_empty_ledger_is_whole(vacant: DecisionPlace) -> None:
    """A ledger without decisions is a ledger."""
    vacant.open().close()
    assert vacant.verify().is_whole


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("kind", "shadow"),
        ("kind", "No Kind"),
        ("decision_id", "another-id"),
        ("request_id", "another"),
        ("recorded_at", "2020-01-01T00:00:00.000000+00:00"),
        ("batch_end", "10"),
        ("content_sha256", "0" * 64),
        ("sha256", "0" * 64),
    ],
)
def test_a_changed_entry_is_named(decisions: DecisionPlace, column: str, value: str) -> None:
    """Nothing of an entry can change."""
    decisions.tamper(f"update decisions set {column} = '{value}' where sequence = 4")  # noqa: S608
    assert any(problem.startswith("entry 4: ") for problem in decisions.problems())


@pytest.mark.parametrize("column", ["previous_sha256", "signature"])
def test_a_changed_proof_is_named(decisions: DecisionPlace, column: str) -> None:
    """Hashes and signatures cannot change either."""
    decisions.tamper(f"update decisions set {column} = sha256 where sequence = 4")  # noqa: S608
    assert decisions.problems()[0].startswith("entry 4: ")


@pytest.mark.parametrize(
    ("sequences", "place_named"),
    [
        ("1", "entry 1: missing"),
        ("4, 5", "entries 4 to 5: missing"),
        ("10", "entry 10: missing, the anchor stands after them"),
        ("6, 7, 8, 9, 10", "entries 6 to 10: missing, the anchor stands after them"),
        ("1, 2, 3, 4, 5, 6, 7, 8, 9, 10", "entries 1 to 10: missing, the anchor stands after them"),
    ],
    ids=["first", "middle", "last", "last transaction", "all"],
)
def test_deleted_entries_are_named(
    decisions: DecisionPlace, sequences: str, place_named: str
) -> None:
    """A deleted entry is missed, the last one too, with its content or without."""
    decisions.tamper(f"delete from decisions where sequence in ({sequences})")  # noqa: S608
    assert place_named in decisions.problems()
    decisions.tamper(f"delete from decision_contents where sequence in ({sequences})")  # noqa: S608
    assert place_named in decisions.problems()


def test_an_inserted_entry_is_named(decisions: DecisionPlace) -> None:
    """A copy of an entry does not follow the last one, and its text says another id."""
    decisions.tamper(COPIED.format(sequence=11, source=10))
    assert "entry 11: does not follow the entry before it" in decisions.problems()
    assert "entry 11: changed since it was recorded" in decisions.problems()


def test_reordered_entries_are_named(decisions: DecisionPlace) -> None:
    """Two entries that changed places are both named."""
    decisions.tamper(
        *(
            f"update decisions set sequence = {new} where sequence = {old}"  # noqa: S608
            for old, new in ((3, -1), (4, 3), (-1, 4))
        )
    )
    assert "entries 3 to 4: changed since it was recorded" in decisions.problems()


def test_a_chain_signed_with_another_key_is_found(decisions: DecisionPlace) -> None:
    """Whoever hashes all entries anew lacks the key: every entry and the anchor tell."""
    rechained(decisions, FORGER)
    assert "entries 1 to 10: not signed with this key" in decisions.problems()
    assert "entry 10: is not the one that was anchored" in decisions.problems()


def test_a_forged_anchor_is_found(decisions: DecisionPlace) -> None:
    """An anchor that fits the forged chain is signed with another key."""
    rechained(decisions, FORGER, anchor=True)
    assert any("the anchor was signed with key" in problem for problem in decisions.problems())


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("update decision_contents set encoding = 'plain'", "its content was changed"),
        ("update decision_contents set encoding = 'gzip'", "its content was changed"),
        ("update decision_contents set data = '{}'", "its content was changed"),
        ("update decision_contents set sequence = 99", "its content is missing"),
        ("delete from decision_contents", "its content is missing, and no retention covers it"),
    ],
)
def test_a_changed_or_missing_content_is_named(
    decisions: DecisionPlace, statement: str, problem: str
) -> None:
    """Only a recorded retention lets a content be missing; nothing lets it change."""
    decisions.tamper(f"{statement} where sequence = 4")
    assert any(found.startswith(f"entry 4: {problem}") for found in decisions.problems())


def test_a_content_nobody_recorded_is_named(decisions: DecisionPlace) -> None:
    """Contents that were slipped in stand for no entry."""
    decisions.tamper("insert into decision_contents values (99, 'plain', '{}')")
    assert decisions.problems() == ["entry 99: a content without an entry"]


@pytest.mark.parametrize("value", ["null", "7", "x'ff'"])
def test_values_of_another_type_are_named(sqlite_place: DecisionPlace, value: str) -> None:
    """What no decision can hold is a finding, not a crash."""
    with sqlite_place.open() as ledger:
        ledger.append([decision(number) for number in range(1, 6)])
    for table, column in (("decisions", "request_id"), ("decision_contents", "data")):
        sqlite_place.tamper(
            f"alter table {table} rename to original",
            f"create table {table} as select * from original",  # noqa: S608
            f"update {table} set {column} = {value} where sequence = 4",  # noqa: S608
            "drop table original",
        )
        assert any(problem.startswith("entry 4: ") for problem in sqlite_place.problems())


def test_a_text_in_place_of_a_content_is_named(sqlite_place: DecisionPlace) -> None:
    """SQLite lets any type stand anywhere; a text is no content."""
    with sqlite_place.open() as ledger:
        ledger.append([decision(1)])
    sqlite_place.tamper("update decision_contents set data = 'text'")
    assert sqlite_place.problems() == ["entry 1: its content was changed since it was recorded"]


def without(place: DecisionPlace) -> None:
    place.anchor.unlink()


def garbled(place: DecisionPlace) -> None:
    place.anchor.write_bytes(b"\xff{")


def changed(place: DecisionPlace) -> None:
    anchor = json.loads(place.anchor.read_text())
    place.anchor.write_text(json.dumps({**anchor, "sequence": 9}))


def of_another_ledger(place: DecisionPlace) -> None:
    other = DecisionPlace(
        f"sqlite:///{place.anchor.parent}/other/ledger.db",
        place.anchor.parent / "other/anchor.json",
    )
    with other.open() as ledger:
        ledger.append([decision(number) for number in range(10)])
    shutil.copy(other.anchor, place.anchor)


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (without, "is missing"),
        (garbled, "cannot be read"),
        (changed, "its signature does not fit"),
        (of_another_ledger, "belongs to another ledger"),
    ],
)
def test_a_worthless_anchor_is_told(
    decisions: DecisionPlace, damage: Callable[[DecisionPlace], None], problem: str
) -> None:
    """Without a sound anchor the ledger is not whole, and takes no decision."""
    damage(decisions)
    (finding,) = decisions.problems()
    assert finding.startswith("the anchor")
    assert problem in finding
    with decisions.open() as ledger, pytest.raises(LedgerBroken, match="Nothing was recorded"):
        ledger.append([decision(11)])


def test_entries_behind_the_anchor_are_counted(decisions: DecisionPlace) -> None:
    """What a killed process left unanchored is no finding, and not hidden."""
    older = decisions.anchor.read_bytes()
    with decisions.open() as ledger:
        ledger.append([decision(11), decision(12), decision(13)])
    decisions.anchor.write_bytes(older)
    verification = decisions.verify()
    assert verification.is_whole
    assert verification.unanchored == 3


def test_a_transaction_that_lost_its_end_is_found(decisions: DecisionPlace) -> None:
    """Behind the anchor too: each entry says where its transaction ended."""
    older = decisions.anchor.read_bytes()
    with decisions.open() as ledger:
        ledger.append([decision(11), decision(12), decision(13)])
    decisions.anchor.write_bytes(older)
    decisions.tamper("delete from decisions where sequence = 13")
    assert "entry 13: missing, its transaction recorded more" in decisions.problems()


def test_a_broken_end_takes_no_decision(decisions: DecisionPlace) -> None:
    """Nothing is appended where the last entries are gone: a new one would bury the gap."""
    decisions.tamper("delete from decisions where sequence = 10")
    with decisions.open() as ledger, pytest.raises(LedgerBroken, match="entry 10: missing"):
        ledger.append([decision(11)])
    assert decisions.verify().rows == 9


def test_a_running_writer_notices_that_its_end_is_gone(decisions: DecisionPlace) -> None:
    """What this process has recorded must still stand when it records more."""
    with decisions.open() as ledger:
        ledger.append([decision(11)])
        decisions.tamper("delete from decisions where sequence = 11")
        with pytest.raises(LedgerError, match="entry 11: missing, they were recorded"):
            ledger.append([decision(12)])
        assert "entry 11" in str(ledger.check().problem)


def test_a_forged_end_takes_no_decision(decisions: DecisionPlace) -> None:
    """A process builds only on an entry that its key signed."""
    decisions.tamper(
        COPIED.format(sequence=11, source=10),
        "update decisions set sha256 = 'f' where sequence = 11",
    )
    with decisions.open() as ledger, pytest.raises(LedgerBroken, match="entry 11: not signed"):
        ledger.append([decision(11)])


def test_a_running_writer_notices_a_changed_anchor(decisions: DecisionPlace) -> None:
    """The next move of the anchor finds it, and from then on nothing is recorded."""
    with decisions.open() as ledger:
        ledger.append([decision(11)])
        ledger._keeper.move()
        decisions.anchor.unlink()
        ledger._keeper.move()
        with pytest.raises(LedgerBroken, match="is missing"):
            ledger.append([decision(12)])


def test_an_anchor_that_does_not_fit_ends_readiness(decisions: DecisionPlace) -> None:
    """A server that starts on such a ledger is told before it has to refuse a decision."""
    with decisions.open() as ledger:
        assert ledger.check().is_writable
    decisions.tamper("delete from decisions where sequence = 10")
    with decisions.open() as ledger:
        assert "entry 10: missing, the anchor" in str(ledger.check().problem)


def test_a_missing_database_is_no_empty_ledger(sqlite_place: DecisionPlace) -> None:
    """Where the anchor knows decisions, no new ledger is begun and none is called whole."""
    with sqlite_place.open() as ledger:
        ledger.append([decision(1)])
    Path(sqlite_place.url.removeprefix("sqlite:///")).unlink()
    with pytest.raises(MissingLedger, match="anchors one"):
        sqlite_place.open(create=False)
    with pytest.raises(LedgerBroken, match="holds no ledger"):
        sqlite_place.open()


def test_a_wrong_key_is_told(decisions: DecisionPlace) -> None:
    """With another key the anchor says so, by fingerprints."""
    findings = decisions.verify(key="another key than the one that has signed").findings
    assert any("the anchor was signed with key" in str(finding) for finding in findings)


@pytest.mark.parametrize(
    "statement",
    [
        "update decisions set kind = 'x'",
        "delete from decisions",
        "update decision_contents set encoding = 'x'",
        "delete from decision_contents",
        "update decision_retentions set last_sequence = 9",
        "delete from decision_identity",
    ],
)
def test_the_tables_refuse_changes(decisions: DecisionPlace, statement: str) -> None:
    """A careless statement changes nothing, and contents leave only by retention."""
    decisions.change("insert into decision_retentions values (1, 99, 99)")
    with pytest.raises(Exception, match=r"append-only|until their retention"):
        decisions.change(statement)


def test_a_stored_decision_shows_no_content() -> None:
    """What a log would print of it holds no personal data."""
    stored = StoredDecision(1, "decision", "d" * 8, "r", "t", 1, "", "", "", "", b'{"name":"Ada"}')
    assert "Ada" not in repr(stored)
    assert "Ada" not in repr(decision(1, name="Ada"))
    assert KEY not in repr(LedgerKey(KEY.encode(), "secret"))
