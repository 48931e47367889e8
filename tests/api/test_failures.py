"""What callers are told when something behind the API fails; through `create_app`."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from api_server import ApiServer, application_body, feature_body
from starlette.testclient import TestClient

from creditrisk.core.settings import ServeSettings, Settings
from creditrisk.features.request_features import RequestFeatures
from creditrisk.features.request_plans import FeaturesNotComputable
from creditrisk.ledger.decisions import DecisionLedger
from creditrisk.ledger.errors import LedgerUnavailable
from creditrisk.observability.logs import BackgroundLines
from creditrisk.scoring.answers import DecisionMaker
from creditrisk.scoring.scorer import Scorer
from creditrisk.serve.api import create_app

if TYPE_CHECKING:
    import pytest

    from creditrisk.ledger.decision_entries import NewDecision


@contextmanager
def client(bundle: Path, folder: Path, **serve: Any) -> Iterator[TestClient]:
    """A client of an application with a ledger in a folder."""
    ledger = DecisionLedger.open(
        f"sqlite:///{folder}/ledger.db", anchor=folder / "decisions_anchor.json"
    )
    settings = Settings(serve=ServeSettings(**serve))
    app = create_app(settings, Scorer.load(bundle), ledger)
    with TestClient(app, base_url="http://127.0.0.1") as asking:
        yield asking


def ledger_of(asking: TestClient) -> DecisionLedger:
    ledger: DecisionLedger = asking.app.state.service.ledger  # type: ignore[attr-defined]
    return ledger


@contextmanager
def logged() -> Iterator[io.StringIO]:
    """What is logged within the block, complete once it has ended."""
    text = io.StringIO()
    handler = BackgroundLines(text)
    logging.getLogger().addHandler(handler)
    try:
        yield text
    finally:
        logging.getLogger().removeHandler(handler)
        handler.close()


def test_a_decision_that_cannot_be_recorded_is_not_given(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the ledger fails callers get 503 and Retry-After, and no PD."""

    def refused(_: Sequence[NewDecision]) -> Future[None]:
        failed: Future[None] = Future()
        failed.set_exception(LedgerUnavailable("sqlite", "its disk is full"))
        return failed

    with client(bundle, tmp_path) as asking:
        monkeypatch.setattr(ledger_of(asking), "submit", refused)
        answers = [asking.post("/predict", json=body) for body in (feature_body(bundle), {})]
    for answer in answers:
        assert (answer.status_code, "retry-after" in answer.headers) == (503, True)
        assert answer.json()["type"] == "urn:creditrisk:problem:ledger-unavailable"
        assert "probability" not in answer.text


def test_an_unexpected_error_is_told_to_the_log_alone(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The caller gets a 500 problem; the log has place and type, and no applicant's value."""

    def fail(*_: object) -> None:
        raise ZeroDivisionError("Ann Example earns 0")

    monkeypatch.setattr(DecisionMaker, "decide_records", fail)
    with logged() as text, client(bundle, tmp_path) as asking:
        answer = asking.post(
            "/predict", json=feature_body(bundle), headers={"X-Request-ID": "boom-1"}
        )
    assert (answer.status_code, answer.json()["request_id"]) == (500, "boom-1")
    assert "Traceback" not in answer.text
    errors = [json.loads(line) for line in text.getvalue().splitlines() if "ZeroDiv" in line]
    assert errors[0]["request_id"] == "boom-1"
    assert "Ann" not in text.getvalue() + answer.text


def test_an_error_of_one_request_is_not_another_s(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Requests that are scored together fail alone."""
    decide = DecisionMaker.decide_records

    def sometimes(self: DecisionMaker, rows: Sequence[Mapping[str, Any]], given: Any) -> Any:
        if any(row["SK_ID_CURR"] == 666 for row in rows):
            raise ZeroDivisionError
        return decide(self, rows, given)

    monkeypatch.setattr(DecisionMaker, "decide_records", sometimes)
    good = feature_body(bundle)
    bad = {"features": [good["features"][0] | {"SK_ID_CURR": 666}]}
    with client(bundle, tmp_path) as asking:
        assert together(asking, [good, bad, good]) == [200, 500, 200]


def together(asking: TestClient, bodies: Sequence[Mapping[str, Any]]) -> list[int]:
    """The statuses of requests that one batch answers."""
    import asyncio
    from datetime import UTC, datetime

    from creditrisk.serve.dispatch import Answered, Order, Work

    service = asking.app.state.service  # type: ignore[attr-defined]
    order = Order("r-1", "local", datetime.now(UTC))

    async def answered() -> list[int]:
        loop = asyncio.get_running_loop()
        batch = [Work(order, json.dumps(body).encode(), loop.create_future()) for body in bodies]
        await asyncio.to_thread(lambda: service._answering()(batch))
        ends = await asyncio.gather(*(work.future for work in batch), return_exceptions=True)
        return [end.status if isinstance(end, Answered) else 500 for end in ends]

    return asyncio.run(answered())


def test_amounts_beyond_what_features_hold_are_the_caller_s_error(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Features that cannot be computed from valid rows are a 422, recorded as a refusal."""

    def fail(*_: object) -> None:
        raise FeaturesNotComputable("bureau")

    monkeypatch.setattr(RequestFeatures, "rows", fail)
    with client(bundle, tmp_path) as asking:
        answer = asking.post("/predict", json=application_body(bundle))
        kinds = [one.kind for one in ledger_of(asking).after(0)]
    assert (answer.status_code, answer.json()["violations"][0]["rule"]) == (
        422,
        "features.computable",
    )
    assert kinds == ["refusal"]


def test_inputs_are_kept_only_where_the_settings_say_so(bundle: Path, tmp_path: Path) -> None:
    """`store_inputs: false` keeps hashes: neither inputs, features nor refused values."""
    with client(bundle, tmp_path, store_inputs=False) as asking:
        asking.post("/predict", json=application_body(bundle))
        asking.post("/predict", json=application_body(bundle, NAME_INCOME_TYPE="Astronaut"))
        contents = [json.loads(one.content or b"") for one in ledger_of(asking).after(0)]
    assert [one["kind"] for one in contents] == ["decision", "refusal"]
    assert contents[0]["inputs"] is contents[0]["features"] is None
    assert len(contents[0]["inputs_sha256"]) == 64
    assert "Astronaut" not in json.dumps(contents)


def test_readiness_names_the_ledger_that_is_missing(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """/ready turns 503 while decisions cannot be recorded; /health stays 200."""
    with client(bundle, tmp_path) as asking:
        gone = ledger_of(asking).check()
        broken = type(gone)("the disk is full", 0, 0, None)
        monkeypatch.setattr(ledger_of(asking), "check", lambda: broken)
        answer = asking.get("/ready")
        alive = asking.get("/health")
    assert (answer.status_code, set(answer.json()["missing"])) == (503, {"ledger"})
    assert alive.status_code == 200


def test_an_override_needs_its_scope(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A caller without the scope gets 403 for a threshold of his own, and an answer without."""
    from creditrisk.serve.security import Caller, Gate, Scope

    async def admit(*_: object) -> Caller:
        return Caller("plain", "plain", frozenset({Scope.PREDICT}))

    monkeypatch.setattr(Gate, "admit", admit)
    with client(bundle, tmp_path) as asking:
        body = feature_body(bundle)
        statuses = [
            asking.post("/predict", json=one).status_code for one in (body, body | {"threshold": 0})
        ]
    assert statuses == [200, 403]


def test_a_feature_that_no_applicant_has_is_the_caller_s_error(
    server: ApiServer, bundle: Path
) -> None:
    """What is computed of an application keeps the feature table's contract, as in training."""
    body = application_body(bundle, AMT_ANNUITY=1_000_000.0, AMT_CREDIT=45_000.0)
    with server.client as client:
        refused = client.post("/predict", json=body)
        validated = client.post("/validate", json=body)
    assert refused.status_code == 422
    assert "features.PAYMENT_RATE.range" in refused.text
    assert validated.json()["errors"] == refused.json()["violations"]
