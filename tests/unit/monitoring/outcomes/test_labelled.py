"""Decisions with their outcome are what the ledger keeps, and none is left out unseen."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from decided_applicants import AS_OF, BUNDLE, MATURE, DecidedPlace, decision_id

from creditrisk.ledger import retention
from creditrisk.ledger.errors import DamagedDecision
from creditrisk.ledger.outcomes import OutcomesChanged
from creditrisk.monitoring.outcomes.labelled import labelled_decisions

BATCH = "batch-of-2025"


def test_labelled_decisions_are_the_stored_contents(decided: DecidedPlace) -> None:
    """Inputs as they came, with the outcome, in the order of ids; decisions without one are not."""
    decided.load_rows((decision_id(3), 1, MATURE), (decision_id(2), 0, MATURE))
    with decided.open() as ledger:
        found = list(labelled_decisions(ledger, AS_OF))
    assert [(one.decision_id, one.target) for one in found] == [
        (decision_id(2), 0),
        (decision_id(3), 1),
    ]
    assert found[0].content["inputs"] == {"SK_ID_CURR": 2, "AMT_CREDIT": 1000.0}
    assert found[0].content["model"]["bundle_sha256"] == BUNDLE


def test_what_cannot_be_learnt_from_is_counted(place: DecidedPlace) -> None:
    """Features, hashes alone, rows of a batch: each is counted by reason, on each iteration."""
    features = {"received_at": "2025-01-15T10:00:00+00:00", "form": "features"}
    place.decide_all({1: {}, 2: {"origin": features}, 3: {"inputs": None}})
    place.batch(BATCH, [(1, 101, 0.03)])
    rows = [(decision_id(number), 0, MATURE) for number in (1, 2, 3)]
    place.load_rows(*rows, (f"{BATCH}-1", 0, MATURE))
    with place.open() as ledger:
        labelled = labelled_decisions(ledger, AS_OF)
        for _ in range(2):
            assert [one.decision_id for one in labelled] == [decision_id(1)]
            assert labelled.yielded == 1
            assert labelled.left_out == {
                "features form": 1,
                "inputs not stored": 1,
                "row of a batch": 1,
            }


def test_retired_contents_are_counted(sqlite_place: DecidedPlace) -> None:
    """A decision whose content the policy has retired cannot be learnt from any more."""
    sqlite_place.decide([1])
    sqlite_place.load_rows((decision_id(1), 0, MATURE))
    with sqlite_place.open() as ledger:
        tomorrow = datetime.now(UTC) + timedelta(days=2)
        retention.retain(ledger._database, ledger._chain, 1, tomorrow)
        labelled = labelled_decisions(ledger, AS_OF)
        assert list(labelled) == []
        assert labelled.left_out == {"retired": 1}


def test_later_outcomes_are_not_known_yet(sqlite_place: DecidedPlace) -> None:
    """As of an earlier day, only what had matured by then is there."""
    sqlite_place.decide([1, 2])
    sqlite_place.load_rows((decision_id(1), 0, MATURE), (decision_id(2), 0, "2026-02-02"))
    with sqlite_place.open() as ledger:
        found = list(labelled_decisions(ledger, date(2026, 2, 1)))
    assert [one.decision_id for one in found] == [decision_id(1)]


def test_pages_join_without_loss(sqlite_place: DecidedPlace) -> None:
    """More decisions than a page holds come once each, in order."""
    sqlite_place.decide(range(1, 1_202))
    sqlite_place.load_rows(*((decision_id(number), 0, MATURE) for number in range(1, 1_202)))
    with sqlite_place.open() as ledger:
        found = [one.decision_id for one in labelled_decisions(ledger, AS_OF)]
    assert found == [decision_id(number) for number in range(1, 1_202)]


def test_nothing_is_learnt_from_changed_labels(sqlite_place: DecidedPlace) -> None:
    """A label that was changed in the database stops before the first decision."""
    sqlite_place.decide([1])
    sqlite_place.load_rows((decision_id(1), 0, MATURE))
    sqlite_place.tamper("update outcomes set target = 1")
    with sqlite_place.open() as ledger, pytest.raises(OutcomesChanged):
        labelled_decisions(ledger, AS_OF)


def test_nothing_is_learnt_from_changed_decisions(sqlite_place: DecidedPlace) -> None:
    """A content that was changed in the database stops the iteration."""
    sqlite_place.decide([1])
    sqlite_place.load_rows((decision_id(1), 0, MATURE))
    sqlite_place.tamper("update decision_contents set data = x'7b7d', encoding = 'plain'")
    with sqlite_place.open() as ledger, pytest.raises(DamagedDecision):
        list(labelled_decisions(ledger, AS_OF))
