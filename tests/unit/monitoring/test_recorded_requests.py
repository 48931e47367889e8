from __future__ import annotations

import json

import pytest
from recorded import BUNDLE, Recorded, decision, refusal

from creditrisk.mlops.inference import RequestSummary
from creditrisk.monitoring.recorded_requests import recorded_requests


def summaries(ledger: Recorded) -> list[RequestSummary]:
    """The requests in that ledger."""
    return [request for request, _ in recorded_requests(ledger.entries) if request]


def only(ledger: Recorded) -> RequestSummary:
    """Its one request."""
    (summary,) = summaries(ledger)
    return summary


def test_a_request_is_all_its_entries() -> None:
    """Its records are counted, and it ends where the last of them stands."""
    ledger = Recorded()
    for probability, decided in ((0.05, "approve"), (0.15, "refer"), (0.5, "decline")):
        ledger.add(1, "a", decision(probability, 0.9, decided))
    request = only(ledger)
    assert (request.first, request.last, request.entities) == (1, 3, 3)
    assert request.sha256 == ledger.entries[-1].sha256
    assert request.probabilities == [0.05, 0.15, 0.5]
    assert request.decisions == {"approve": 1, "refer": 1, "decline": 1}
    assert request.models == {("3", BUNDLE)}
    assert request.latency_ms == pytest.approx(100)


def test_an_id_that_is_used_again_is_another_request() -> None:
    """Callers choose the id; the time of arrival tells two requests apart."""
    ledger = Recorded()
    ledger.add(1, "same", decision(received=0.5))
    ledger.add(2, "same", decision(received=1.5))
    assert [(request.first, request.last) for request in summaries(ledger)] == [(1, 1), (2, 2)]


def test_a_shadow_is_not_part_of_the_request() -> None:
    """Its PD was given to nobody, and nobody waited for it."""
    ledger = Recorded()
    ledger.add(1, "a", decision())
    ledger.add(1, "a", decision(0.4), "shadow")
    answered, shadow = summaries(ledger)
    assert (answered.kind, answered.entities) == ("decision", 1)
    assert (shadow.kind, shadow.probabilities, shadow.latency_ms) == ("shadow", [0.4], None)


def test_a_refusal_has_rules_and_no_applicants() -> None:
    """What was refused was not scored."""
    ledger = Recorded()
    ledger.add(1, "a", refusal(0.5, ("application.range", "application.range")), "refusal")
    request = only(ledger)
    assert (request.entities, request.latency_ms) == (0, 500)
    assert request.refused_rules == ["application.range", "application.range"]


def test_a_retired_content_still_counts() -> None:
    """Retention takes the PD, not the fact that somebody was answered."""
    ledger = Recorded()
    ledger.add(1, "a", None)
    request = only(ledger)
    assert (request.entities, request.retired, request.unreadable) == (1, 1, 0)
    assert (request.probabilities, request.latency_ms) == ([], None)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"{}", b'{"probability": "high", "decision": "approve"}']
)
def test_an_unreadable_content_is_counted_as_such(content: bytes) -> None:
    """What this version does not know is never passed over in silence."""
    ledger = Recorded()
    ledger.add(1, "a", content)
    assert only(ledger).unreadable == 1


@pytest.mark.parametrize("received_at", ["yesterday", "2026-11-23T12:00:00", None, 5])
def test_a_time_that_is_none_gives_no_latency(received_at: object) -> None:
    """A figure is left out rather than made up."""
    ledger = Recorded()
    ledger.add(1, "a", decision(origin={"received_at": received_at}))
    assert only(ledger).latency_ms is None


def test_a_clock_that_is_behind_gives_no_negative_latency() -> None:
    """Arrival after the record is no time at all."""
    ledger = Recorded()
    ledger.add(1, "a", decision(received=5))
    assert only(ledger).latency_ms == 0


def test_warnings_are_counted() -> None:
    """They refuse nothing, and a rise of them is news."""
    ledger = Recorded()
    ledger.add(1, "a", decision(warnings=[{"rule": "x"}, {"rule": "y"}]))
    assert only(ledger).warnings == 2


def test_a_bundle_of_no_registry_has_no_version() -> None:
    """Its hash stands for it."""
    ledger = Recorded()
    ledger.add(1, "a", decision(model={"version": None, "bundle_sha256": BUNDLE}))
    assert only(ledger).models == {("none", BUNDLE)}


def test_entries_of_the_ledger_itself_are_no_requests() -> None:
    """They are passed on, so that whoever reads gets past them."""
    ledger = Recorded()
    ledger.add(1, "", json.dumps({"days": 30}).encode(), "retention")
    ((request, last),) = recorded_requests(ledger.entries)
    assert (request, last.sequence) == (None, 1)


def test_a_batch_is_one_entry_of_many_applicants() -> None:
    """Those whom it answered count; nobody waited for one of them."""
    ledger = Recorded()
    ledger.add(1, "batch-2026", b'{"kind": "batch", "output": {"rows": 300}}', "batch")
    request = only(ledger)
    assert (request.kind, request.entities, request.latency_ms) == ("batch", 300, None)
