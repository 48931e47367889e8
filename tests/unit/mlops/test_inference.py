from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from creditrisk.mlops.errors import TrackingUnavailable
from creditrisk.mlops.inference import (
    Delivered,
    InferenceRun,
    InferenceStore,
    RequestSummary,
    inference_run,
)
from creditrisk.mlops.store import connect

pytestmark = [
    pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning"),
    pytest.mark.usefixtures("shared_store"),
]

BUNDLE = "b" * 64
NOON = 1_795_435_200.0
DAY = "2026-11-23"


def request(number: int = 1, **changes: Any) -> RequestSummary:
    """A request of one applicant, in one entry of the ledger."""
    facts = {
        "kind": "decision",
        "request_id": f"request-{number}",
        "first": number,
        "last": number,
        "sha256": f"{number:064x}",
        "recorded_at": NOON + number,
        "entities": 1,
        "latency_ms": 4.0,
        "probabilities": [0.05],
        "decisions": {"approve": 1},
        "models": frozenset({("3", BUNDLE)}),
        **changes,
    }
    return RequestSummary(**facts)  # type: ignore[arg-type]


def run_of(*requests: RequestSummary, session: str = DAY) -> InferenceRun:
    """The run of these requests."""
    return inference_run(requests, session)


def kept(experiment: str) -> list[Any]:
    """The runs of an experiment, the latest range of the ledger first."""
    client: Any = connect().MlflowClient()
    found = client.get_experiment_by_name(experiment)
    return list(client.search_runs([found.experiment_id], order_by=["metrics.ledger_last DESC"]))


def nested(experiment: str) -> list[Any]:
    """Those of requests."""
    return [run for run in kept(experiment) if run.data.tags["record"] == "requests"]


def failing(monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    """Let the store refuse one kind of call."""
    mlflow: Any = connect()

    def fail(*_: object, **__: object) -> None:
        raise mlflow.exceptions.MlflowException("the store is gone")

    monkeypatch.setattr(mlflow.MlflowClient, method, fail)


def test_a_request_has_a_run_of_its_own_in_its_session() -> None:
    """It is found by the request's id, with the model and what the model said."""
    InferenceStore("One request", "ledger").deliver(run_of(request()))
    run, session = kept("One request")
    assert session.info.run_name == f"serving {DAY}"
    assert run.data.tags["mlflow.parentRunId"] == session.info.run_id
    assert (run.info.run_name, run.info.status) == ("request-1", "FINISHED")
    tags = {"request_id": "request-1", "entity_count": "1", "model_version": "3"}
    assert tags.items() <= run.data.tags.items()
    assert run.data.tags["bundle_sha256"] == BUNDLE
    assert run.data.metrics["pd_mean"] == 0.05
    assert run.data.metrics["latency_ms_p50"] == 4.0


def test_a_window_s_run_adds_up() -> None:
    """PDs, decisions, latency and refusals of all requests; a shadow is nobody's answer."""
    metrics = run_of(
        request(1, entities=2, probabilities=[0.1, 0.3], decisions={"approve": 1, "decline": 1}),
        request(2, probabilities=[0.2], decisions={"refer": 1}, latency_ms=8.0),
        request(3, kind="refusal", entities=0, probabilities=[], decisions={}, latency_ms=6.0),
        request(4, kind="shadow", probabilities=[0.9], decisions={"decline": 1}, latency_ms=None),
    ).metrics
    assert (metrics["requests"], metrics["entities"], metrics["refusals"]) == (3, 3, 1)
    assert metrics["pd_mean"] == pytest.approx(0.2)
    assert [metrics[f"pd_p{at}"] for at in (10, 50, 90)] == pytest.approx([0.12, 0.2, 0.28])
    assert metrics["approval_rate"] == pytest.approx(1 / 3)
    assert metrics["latency_ms_mean"] == pytest.approx(6)
    assert (metrics["shadow_pd_mean"], metrics["shadow_approval_rate"]) == (0.9, 0)


def test_a_window_s_tags_name_what_took_part() -> None:
    """Every model that answered, and the rules that refused, the most frequent first."""
    other = frozenset({("4", "c" * 64)})
    run = run_of(
        request(1),
        request(2, models=other),
        request(3, kind="refusal", entities=0, models=frozenset(), refused_rules=["x", "y", "y"]),
        request(4, kind="shadow"),
    )
    assert run.tags["model_version"] == "3,4"
    assert run.tags["bundle_sha256"] == f"{BUNDLE},{'c' * 64}"
    assert run.tags["refused_rules"] == "y:2,x:1"
    assert (run.tags["entity_count"], run.tags["request_count"]) == ("2", "4")
    assert run.key == f"1-4-{0:016x}"
    assert "request_id" not in run.tags


def test_what_has_no_rows_has_no_figure() -> None:
    """A refusal alone has no PD: a zero would be a made-up one."""
    refused = request(1, kind="refusal", entities=0, probabilities=[], decisions={})
    assert not {"pd_mean", "approval_rate", "shadow_pd_mean"} & run_of(refused).metrics.keys()


def test_the_store_knows_up_to_where_all_is_delivered() -> None:
    """The last entry and its hash, of this ledger and no other."""
    store = InferenceStore("Up to", "ledger")
    assert store.resume() is None
    for number in (1, 2, 10, 9):
        store.deliver(run_of(request(number)))
    InferenceStore("Up to", "another ledger").deliver(run_of(request(99)))
    assert store.resume() == Delivered(10, f"{10:064x}")


@pytest.mark.parametrize("method", ["log_batch", "set_terminated"])
def test_a_run_left_unfinished_is_removed(monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    """Where the store fails half-way nothing is delivered, and nothing stays that could count."""
    name = f"Half-way {method}"
    store = InferenceStore(name, "ledger")
    store.deliver(run_of(request(1)))
    with monkeypatch.context() as patch:
        failing(patch, method)
        with pytest.raises(TrackingUnavailable, match="the store is gone"):
            store.deliver(run_of(request(2)))
    assert [run.info.status for run in nested(name)].count("RUNNING") == 1
    assert store.resume() == Delivered(1, f"{1:064x}")
    store.deliver(run_of(request(2)))
    assert [run.info.status for run in nested(name)] == ["FINISHED"] * 2


def test_a_run_of_another_shipper_is_not_removed() -> None:
    """What another ledger's delivery has under way is its own."""
    store, other = InferenceStore("Two ledgers", "one"), InferenceStore("Two ledgers", "two")
    store.deliver(run_of(request(1)))
    with pytest.MonkeyPatch.context() as patch:
        failing(patch, "log_batch")
        with pytest.raises(TrackingUnavailable):
            store.deliver(run_of(request(2)))
    assert other.resume() is None
    assert Counter(run.info.status for run in nested("Two ledgers"))["RUNNING"] == 1


def test_a_new_session_ends_the_one_before() -> None:
    """There is one run a session, found again after a restart; the latest is running."""
    for number, session in ((1, DAY), (2, DAY), (3, "2026-11-24")):
        InferenceStore("Sessions", "ledger").deliver(run_of(request(number), session=session))
    sessions = [run for run in kept("Sessions") if run.data.tags["record"] == "session"]
    states = {run.data.tags["session"]: run.info.status for run in sessions}
    assert states == {DAY: "FINISHED", "2026-11-24": "RUNNING"}
    assert len(sessions) == 2


def test_times_are_those_of_the_requests() -> None:
    """A run begins with the first arrival and ends with the last record, however late it is sent."""
    run = run_of(request(1, latency_ms=500.0), request(3))
    assert (run.started, run.ended) == (int((NOON + 0.5) * 1e3), int((NOON + 3) * 1e3))
