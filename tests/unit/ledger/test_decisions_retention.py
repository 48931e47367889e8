"""Contents are retired by policy; what proves them stays, and nothing else may be missing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from decision_place import DecisionPlace, decision, decision_id

from creditrisk.ledger import DecisionLedger, NewDecision, retention
from creditrisk.ledger.retention import Retention, RetentionResult, retired_stretches

TOMORROW = datetime.now(UTC) + timedelta(days=2)


def retained(place: DecisionPlace, *, now: datetime = TOMORROW) -> RetentionResult:
    """The policy of one day, run at that time."""
    with place.open() as ledger:
        return retention.retain(ledger._database, ledger._chain, 1, now)


def aged(place: DecisionPlace, now: datetime, *numbers: int) -> None:
    """Record decisions after a moment that lies behind the present ones."""
    with place.open() as ledger:
        ledger.append([decision(number) for number in numbers])
        assert now.isoformat() <= ledger.after(10)[0].recorded_at


def contents(ledger: DecisionLedger) -> list[bool]:
    """Which entries have their content."""
    return [stored.content is not None for stored in ledger.after(0)]


def test_old_contents_go_and_their_proofs_stay(decisions: DecisionPlace) -> None:
    """Entries, hashes and signatures are as before; contents of the stretch are gone."""
    with decisions.open() as ledger:
        before = ledger.after(0, contents=False)
    assert retained(decisions).retired == 10
    with decisions.open() as ledger:
        assert ledger.after(0, 10, contents=False) == before
        assert contents(ledger) == [False] * 10 + [True]
        assert ledger.get(decision_id(3)).content is None
    verification = decisions.verify()
    assert verification.is_whole
    assert (verification.rows, verification.retired) == (11, 10)


def test_the_chain_says_what_was_retired_and_why(decisions: DecisionPlace) -> None:
    """Policy, moment and stretch stand in an entry like any other."""
    retained(decisions)
    with decisions.open() as ledger:
        (stored,) = ledger.after(10)
    assert stored.kind == "retention"
    assert json.loads(stored.content or b"") == {
        "form": "creditrisk retention 1",
        "days": 1,
        "recorded_before": (TOMORROW - timedelta(days=1)).isoformat(timespec="microseconds"),
        "first_sequence": 1,
        "last_sequence": 10,
    }


def test_young_contents_stay(decisions: DecisionPlace) -> None:
    """Only what was recorded before the policy's moment is retired."""
    middle = datetime.now(UTC)
    aged(decisions, middle, 11, 12)
    assert retained(decisions, now=middle + timedelta(days=1)).retired == 10
    with decisions.open() as ledger:
        assert contents(ledger) == [False] * 10 + [True] * 3
    assert decisions.verify().is_whole


def test_nothing_old_records_nothing(decisions: DecisionPlace) -> None:
    """A policy that finds nothing leaves no entry."""
    with decisions.open() as ledger:
        assert ledger.retain(days=1) == RetentionResult(None, 0)
    assert decisions.verify().rows == 10


def test_a_second_run_goes_on_where_the_first_ended(decisions: DecisionPlace) -> None:
    """Stretches follow each other; what says which were retired is never retired."""
    retained(decisions)
    with decisions.open() as ledger:
        ledger.append([decision(12)])
    assert retained(decisions).retired == 1
    assert retained(decisions).retention is None
    with decisions.open() as ledger:
        assert contents(ledger) == [False] * 10 + [True, False, True]
    assert decisions.verify().is_whole


def test_contents_go_in_bounded_steps(
    decisions: DecisionPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No transaction deletes more than a step, so that decisions come in between."""
    from creditrisk.ledger import decision_store

    steps: list[int] = []
    original = decision_store.delete_contents
    monkeypatch.setattr(retention, "_ROWS_A_STEP", 4)
    monkeypatch.setattr(
        decision_store,
        "delete_contents",
        lambda *given, **named: steps.append(original(*given, **named)) or steps[-1],
    )
    assert retained(decisions).retired == 10
    assert steps == [4, 4, 2, 0]


def test_contents_outside_the_stretch_are_still_missed(decisions: DecisionPlace) -> None:
    """A retention covers what it names, nothing recorded later."""
    retained(decisions)
    with decisions.open() as ledger:
        ledger.append([decision(12)])
    decisions.tamper("delete from decision_contents where sequence = 12")
    assert decisions.problems() == ["entry 12: its content is missing, and no retention covers it"]


def test_a_retention_without_its_content_covers_nothing(decisions: DecisionPlace) -> None:
    """Whoever deletes what a retention says has deleted its cover."""
    retained(decisions)
    decisions.tamper("delete from decision_contents where sequence = 11")
    assert decisions.problems() == [
        "entries 1 to 11: its content is missing, and no retention covers it"
    ]


def test_a_made_up_retention_covers_nothing(decisions: DecisionPlace) -> None:
    """The table that lets contents go proves nothing: only a signed entry does."""
    decisions.change("insert into decision_retentions values (7, 1, 5)")
    decisions.change("delete from decision_contents where sequence = 4")
    assert decisions.problems() == ["entry 4: its content is missing, and no retention covers it"]


def test_a_forged_retention_covers_nothing(decisions: DecisionPlace) -> None:
    """An entry that somebody added without the key is found, and is no cover."""
    forged = Retention(days=1, recorded_before="9", first_sequence=1, last_sequence=9)
    decisions.tamper(
        "insert into decisions select 11, 'retention', 'retention-1', '', recorded_at, 11, "
        "content_sha256, sha256, sha256, signature from decisions where sequence = 10",
        "insert into decision_contents values (11, 'plain', :data)",
        "insert into decision_retentions values (11, 1, 9)",
        "delete from decision_contents where sequence = 4",
        data=forged.model_dump_json().encode(),
    )
    problems = decisions.problems()
    assert "entry 4: its content is missing, and no retention covers it" in problems
    assert "entry 11: not signed with this key" in problems


KILLED = """
import os, signal, sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from creditrisk.ledger import DecisionLedger, decision_store, retention
retention._ROWS_A_STEP = 3
original, calls = decision_store.delete_contents, []
def die_at_the_third(*given, **named):
    calls.append(1)
    if len(calls) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return original(*given, **named)
decision_store.delete_contents = die_at_the_third
with DecisionLedger.open(sys.argv[1], anchor=Path(sys.argv[2])) as ledger:
    retention.retain(ledger._database, ledger._chain, 1, datetime.now(UTC) + timedelta(days=2))
"""


def test_a_killed_retention_leaves_a_whole_ledger(decisions: DecisionPlace) -> None:
    """Killed between two steps, it has named what it deleted, and the next run goes on."""
    process = subprocess.run(
        [sys.executable, "-c", KILLED, decisions.url, str(decisions.anchor)],
        env={**os.environ, "CREDITRISK_LEDGER_KEY": decisions.key},
        check=False,
    )
    assert process.returncode == -signal.SIGKILL
    verification = decisions.verify()
    assert verification.is_whole
    assert (verification.rows, verification.retired) == (11, 6)
    assert retained(decisions).retired == 4
    assert decisions.verify().retired == 10


def test_what_was_retired_is_overwritten(sqlite_place: DecisionPlace) -> None:
    """SQLite's file does not keep what a policy says must go."""
    marker = b"Ada-Lovelace"
    with sqlite_place.open() as ledger:
        ledger.append([NewDecision("decision", decision_id(1), "", b'{"name":"Ada-Lovelace"}')])
    file = sqlite_place.anchor.parent / "ledger.db"
    assert marker in file.read_bytes()
    retained(sqlite_place)
    remains = b"".join(path.read_bytes() for path in file.parent.glob("ledger.db*"))
    assert marker not in remains


@pytest.mark.parametrize(
    ("retentions", "stretches"),
    [
        ([], []),
        ([(20, 1, 9), (30, 10, 15)], [(1, 15)]),
        ([(20, 5, 9), (30, 1, 2), (40, 11, 12)], [(1, 2), (5, 9), (11, 12)]),
        ([(20, 1, 15), (30, 3, 4)], [(1, 15)]),
        ([(5, 1, 9)], [(1, 4)]),
    ],
)
def test_stretches_are_joined(
    retentions: list[tuple[int, int, int]], stretches: list[tuple[int, int]]
) -> None:
    """Stretches that touch or overlap are one, and none reaches beyond its own entry."""
    found = [
        (at, Retention(days=1, recorded_before="9", first_sequence=first, last_sequence=last))
        for at, first, last in retentions
    ]
    assert retired_stretches(found) == stretches
