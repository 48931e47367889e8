"""POST /predict through a real process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from api_server import ApiServer, application_body, feature_body, golden_rows

from creditrisk.serve.schemas import Prediction

if TYPE_CHECKING:
    import httpx2


def predicted(server: ApiServer, body: Any, **headers: str) -> httpx2.Response:
    with server.client as client:
        return client.post("/predict", json=body, headers=headers)


def test_golden_rows_are_answered_to_the_last_bit(server: ApiServer, bundle: Path) -> None:
    """Whoever reads the answer's numbers has the PDs that were sealed with the bundle."""
    rows = golden_rows(bundle)
    answer = predicted(server, {"features": [row for row, _ in rows]})
    seen = [one["probability"] for one in answer.json()["predictions"]]
    assert seen == [pd for _, pd in rows]


def test_an_answer_has_the_documented_form(server: ApiServer, bundle: Path) -> None:
    """Every member of an answer is documented, in both forms."""
    for body in (feature_body(bundle, 5), application_body(bundle)):
        answer = predicted(server, body)
        assert answer.status_code == 200, answer.text
        Prediction.model_validate_json(answer.content)


def test_answers_come_in_the_order_of_the_request(server: ApiServer, bundle: Path) -> None:
    """The n-th answer is the n-th applicant's."""
    rows = feature_body(bundle, 5)["features"][::-1]
    answers = predicted(server, {"features": rows}).json()["predictions"]
    assert [one["SK_ID_CURR"] for one in answers] == [row["SK_ID_CURR"] for row in rows]


def test_the_approved_get_no_reasons_and_others_do(server: ApiServer, bundle: Path) -> None:
    """Whoever is referred or declined is told up to four reasons."""
    answers = predicted(server, feature_body(bundle, 50)).json()["predictions"]
    assert {one["decision"] for one in answers} > {"approve"}
    for one in answers:
        assert (len(one["reasons"]) in range(1, 5)) == (one["decision"] != "approve")


def test_a_decision_is_in_the_ledger_when_the_answer_arrives(
    server: ApiServer, bundle: Path
) -> None:
    """The ledger holds what was answered, under the id that the answer names."""
    answer = predicted(server, feature_body(bundle)).json()
    one = answer["predictions"][0]
    with server.ledger() as ledger:
        stored = ledger.get(one["decision_id"])
    content = json.loads(stored.content or b"")
    assert (stored.kind, stored.request_id) == ("decision", answer["request_id"])
    assert content["probability"] == one["probability"]
    assert content["model"]["bundle_sha256"] == answer["model"]["bundle_sha256"]


def test_a_refused_request_is_recorded_and_not_scored(server: ApiServer, bundle: Path) -> None:
    """One wrong record refuses the request, naming it; the ledger holds the rule, no decision."""
    body = feature_body(bundle, 3)
    body["features"][1]["CNT_CHILDREN"] = "many"
    answer = predicted(server, body, **{"X-Request-ID": "refused-1"})
    violation = answer.json()["violations"][0]
    assert (answer.status_code, violation["record"], violation["column"]) == (
        422,
        1,
        "CNT_CHILDREN",
    )
    with server.ledger() as ledger:
        kinds = {one.kind for one in ledger.after(0) if one.request_id == "refused-1"}
    assert kinds == {"refusal"}


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff", b'{"features": [NaN', b"[" * 100_000, b"null", b"{}"]
)
def test_what_is_no_request_is_refused(server: ApiServer, body: bytes) -> None:
    """Broken JSON, broken UTF-8 and deep nesting are the caller's error, never the server's."""
    with server.client as client:
        answer = client.post("/predict", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in {400, 422}
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_threshold_of_the_caller_s_own_changes_the_prediction_alone(
    server: ApiServer, bundle: Path
) -> None:
    """An override moves `prediction`; PD and decision stay."""
    plain = predicted(server, feature_body(bundle)).json()["predictions"][0]
    moved = predicted(server, {**feature_body(bundle), "threshold": 1e-6}).json()["predictions"][0]
    assert (moved["prediction"], moved["threshold"]) == (1, 1e-6)
    assert (moved["probability"], moved["decision"]) == (plain["probability"], plain["decision"])


def test_validate_lists_every_violation_and_records_nothing(
    server: ApiServer, bundle: Path
) -> None:
    """/validate says what is wrong in each record; nothing reaches the ledger."""
    body = feature_body(bundle, 2)
    body["features"][0]["CNT_CHILDREN"] = 1.5
    body["features"][1]["NAME_INCOME_TYPE"] = "Astronaut"
    with server.client as client:
        answer = client.post("/validate", json=body, headers={"X-Request-ID": "validate-1"}).json()
    assert not answer["valid"]
    assert {(one["record"], one["column"]) for one in answer["errors"]} == {
        (0, "CNT_CHILDREN"),
        (1, "NAME_INCOME_TYPE"),
    }
    with server.ledger() as ledger:
        assert "validate-1" not in {one.request_id for one in ledger.after(0)}
