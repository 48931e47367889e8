"""Every way in which a ledger can be tampered with is found, and the place is named."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing

import pytest
from ledger_place import Place

from creditrisk.ledger.anchor import Anchor
from creditrisk.ledger.entries import canonical_text, genesis, sealed_entry
from creditrisk.ledger.errors import LedgerBroken, LedgerUnavailable, MissingLedger
from creditrisk.ledger.keys import LedgerKey
from creditrisk.ledger.verification import Audit

CHANGED = "changed since it was recorded"
INSERT = "insert into ledger_entries select ?, kind, recorded_at, batch_end, text, "


def rechained(place: Place, key: str, *, anchor: bool = False) -> None:
    """Replace entry 5 and hash and sign all entries anew with a key of one's own."""
    forged = LedgerKey(key.encode(), "secret")
    with place.open() as ledger:
        entries, head = list(ledger.entries()), genesis(ledger.head.ledger_id)
    for entry in entries:
        text = canonical_text("k", {"forged": True}) if entry.sequence == 5 else entry.text
        sealed = sealed_entry(
            head, entry.kind, entry.recorded_at, entry.batch_end, text, key=forged
        )
        place.tamper(
            "update ledger_entries set text = ?, previous_sha256 = ?, sha256 = ?, signature = ? "
            "where sequence = ?",
            *(sealed.text, sealed.previous_sha256, sealed.sha256, sealed.signature),
            sealed.sequence,
        )
        head = sealed.head(head.ledger_id)
    if anchor:
        Anchor.of(head, forged).write(place.anchor)


def test_an_untouched_ledger_is_whole(place: Place) -> None:
    """Nothing is found where nothing was done."""
    verification = place.verify()
    assert verification.is_whole
    assert (verification.rows, verification.head.sequence) == (10, 10)
    assert (verification.key_kind, verification.unanchored) == ("secret", 0)


def test_an_empty_ledger_is_whole(empty: Place) -> None:
    """A ledger without entries is a ledger."""
    empty.open().close()
    assert empty.verify().is_whole


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("text", '{"number":5}'),
        ("recorded_at", "2020-01-01T00:00:00.000000+00:00"),
        ("kind", "scoring"),
        ("batch_end", 10),
    ],
)
def test_a_changed_entry_is_named(place: Place, column: str, value: object) -> None:
    """Content, time, kind and batch of an entry cannot change."""
    place.set_in_entry_4(column, value)
    assert place.problems() == [f"entry 4: {CHANGED}"]


@pytest.mark.parametrize("column", ["sha256", "previous_sha256", "signature"])
def test_a_changed_hash_is_named(place: Place, column: str) -> None:
    """Hashes and signatures cannot change either."""
    place.set_in_entry_4(column, "0" * 64)
    assert place.problems()[0].startswith("entry 4: ")


@pytest.mark.parametrize(
    ("sequences", "place_named"),
    [
        ([1], "entry 1: missing"),
        ([4, 5], "entries 4 to 5: missing"),
        ([10], "entry 10: missing, the anchor stands after them"),
        ([6, 7, 8, 9, 10], "entries 6 to 10: missing, the anchor stands after them"),
        (list(range(1, 11)), "entries 1 to 10: missing, the anchor stands after them"),
    ],
    ids=["first", "middle", "last", "last batch", "all"],
)
def test_deleted_entries_are_named(place: Place, sequences: list[int], place_named: str) -> None:
    """A deleted entry is missed, the last one too."""
    for sequence in sequences:
        place.tamper("delete from ledger_entries where sequence = ?", sequence)
    assert place_named in place.problems()


def test_an_inserted_entry_is_named(place: Place) -> None:
    """An entry that somebody put after the last one is unsigned and unanchored."""
    place.tamper(f"{INSERT}sha256, ?, ? from ledger_entries where sequence = 10", 11, "f" * 64, "0")
    assert f"entry 11: {CHANGED}" in place.problems()
    assert "entry 11: not signed with this key" in place.problems()


def test_a_duplicated_entry_is_named(place: Place) -> None:
    """An entry cannot be recorded twice by copying it."""
    place.tamper(
        f"{INSERT}previous_sha256, sha256, signature from ledger_entries where sequence = 10", 11
    )
    assert "entry 11: does not follow the entry before it" in place.problems()


def test_a_sequence_that_stands_twice_is_named(place: Place) -> None:
    """A table that was rebuilt without its key cannot hide a second entry 5."""
    place.tamper("alter table ledger_entries rename to original")
    place.tamper("create table ledger_entries as select * from original")
    place.tamper("insert into ledger_entries select * from original where sequence = 5")
    assert "entry 5: stands where another entry belongs" in place.problems()


def test_reordered_entries_are_named(place: Place) -> None:
    """Two entries that changed places are both named."""
    for old, new in ((3, -1), (4, 3), (-1, 4)):
        place.tamper("update ledger_entries set sequence = ? where sequence = ?", new, old)
    assert f"entries 3 to 4: {CHANGED}" in place.problems()


@pytest.mark.parametrize("value", [None, 7, b"\xff"], ids=["null", "number", "bytes"])
def test_values_of_another_type_are_named(place: Place, value: object) -> None:
    """What no entry can hold is a finding, not a crash."""
    place.tamper("alter table ledger_entries rename to original")
    place.tamper("create table ledger_entries as select * from original")
    place.tamper("update ledger_entries set recorded_at = ? where sequence = 4", value)
    assert any(problem.startswith("entry 4: ") for problem in place.problems())


def test_a_self_consistent_chain_of_another_key_is_found(place: Place) -> None:
    """Whoever hashes all entries anew lacks the key: every entry and the anchor tell."""
    rechained(place, "a forger's key that is long enough to serve")
    assert "entries 1 to 10: not signed with this key" in place.problems()
    assert "entry 10: is not the one that was anchored" in place.problems()


def test_a_forged_anchor_is_found(place: Place) -> None:
    """An anchor that fits the forged chain is signed with another key."""
    rechained(place, "a forger's key that is long enough to serve", anchor=True)
    assert any("the anchor was signed with key" in problem for problem in place.problems())


def test_a_wrong_key_is_told(place: Place) -> None:
    """With another key the anchor says so, by fingerprints."""
    findings = place.verify(key="another key than the one that has signed").findings
    assert any("the anchor was signed with key" in str(finding) for finding in findings)


def without(place: Place) -> None:
    place.anchor.unlink()


def garbled(place: Place) -> None:
    place.anchor.write_bytes(b"\xff{")


def changed(place: Place) -> None:
    anchor = json.loads(place.anchor.read_text())
    place.anchor.write_text(json.dumps({**anchor, "sequence": 9}))


def unsigned(place: Place) -> None:
    anchor = json.loads(place.anchor.read_text())
    place.anchor.write_text(json.dumps({**anchor, "signature": "é"}))


def of_another_ledger(place: Place) -> None:
    other = Place(place.folder / "other")
    with other.open() as ledger:
        ledger.append_many("scoring", [{}] * 10)
    shutil.copy(other.anchor, place.anchor)


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (without, "is missing"),
        (garbled, "cannot be read"),
        (changed, "its signature does not fit"),
        (unsigned, "its signature does not fit"),
        (of_another_ledger, "belongs to another ledger"),
    ],
)
def test_a_worthless_anchor_is_told(
    place: Place, damage: Callable[[Place], None], problem: str
) -> None:
    """Without a sound anchor the ledger is not whole, and takes no entry."""
    damage(place)
    (finding,) = place.problems()
    assert finding.startswith("the anchor")
    assert problem in finding
    with place.open() as ledger, pytest.raises(LedgerBroken, match=r"Nothing was recorded"):
        ledger.append("promotion", {})


def test_an_older_anchor_is_told(place: Place) -> None:
    """An anchor that was put back is further behind than a killed append leaves one."""
    older = place.anchor.read_bytes()
    with place.open() as ledger:
        ledger.append("promotion", {})
        ledger.append("promotion", {})
    place.anchor.write_bytes(older)
    (finding,) = place.problems()
    assert "2 entries behind" in finding


def test_entries_of_another_ledger_cannot_be_spliced_in(place: Place) -> None:
    """Entries that the same key signed in another ledger do not fit this one."""
    other = Place(place.folder / "other")
    with other.open() as ledger:
        ledger.append_many("promotion", [{"number": 0}] * 10)
    with closing(sqlite3.connect(place.database)) as connection:
        connection.execute("attach ? as other", (str(other.database),))
        connection.execute("drop trigger ledger_entries_refuses_delete")
        connection.execute("delete from ledger_entries where sequence = 3")
        row = "select * from other.ledger_entries where sequence = 3"
        connection.execute(f"insert into main.ledger_entries {row}")
        connection.commit()
    assert "entry 3: not signed with this key" in place.problems()


def test_a_broken_end_takes_no_entry(place: Place) -> None:
    """Nothing is appended where the last entries are gone: a new one would bury the gap."""
    place.tamper("delete from ledger_entries where sequence = 10")
    with place.open() as ledger, pytest.raises(LedgerBroken, match="entry 10: missing"):
        ledger.append("promotion", {})
    assert place.verify().rows == 9


def test_forged_entries_behind_the_anchor_are_never_anchored(place: Place) -> None:
    """Only entries that this key signed count as the work of a killed append."""
    place.tamper(f"{INSERT}sha256, ?, ? from ledger_entries where sequence = 10", 11, "f" * 64, "0")
    place.tamper("update ledger_entries set batch_end = 11 where sequence = 11")
    with place.open() as ledger, pytest.raises(LedgerBroken, match="entry 11"):
        ledger.append("promotion", {})
    assert place.read_anchor().sequence == 10


def test_a_missing_database_is_no_empty_ledger(place: Place) -> None:
    """Where the anchor knows entries, no new ledger is begun and none is called whole."""
    place.database.unlink()
    with pytest.raises(MissingLedger, match="anchors one"):
        place.open(create=False)
    with pytest.raises(LedgerBroken, match="holds no ledger"):
        place.open()


def test_looking_makes_no_ledger(empty: Place) -> None:
    """Verifying a ledger that does not exist leaves no file behind."""
    with pytest.raises(MissingLedger):
        empty.open(create=False)
    assert not empty.database.exists()


def test_a_file_that_is_no_database_is_told(place: Place) -> None:
    """A damaged file is an error of the ledger's, with the driver's reason."""
    place.database.write_bytes(b"no database" * 1000)
    with pytest.raises(LedgerUnavailable, match="not a database"):
        place.verify()


def test_many_findings_cost_no_more_than_few() -> None:
    """Entries that are wrong one by one are each found, in time that grows with their number."""
    key = LedgerKey(b"k" * 32, "secret")
    head = genesis("a")
    entry = sealed_entry(head, "k", "t", 1, "{}", key=key)
    audit = Audit(head, key)
    audit.walk(entry for _ in range(20_000))
    assert audit.rows == 20_000
    assert any("another entry belongs" in str(finding) for finding in audit.findings)
