"""What an operator relies on: readiness, metrics, logs, correlation ids, problems."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from api_server import ApiServer, application_body, feature_body, running
from rude_client import waited_for

from creditrisk.mlops.bundle import Bundle
from creditrisk.serve.schemas import Health, Metadata, ProblemDetails, Readiness

JSON = {"Content-Type": "application/json"}
# Each costs a process half a second to ten seconds, and tens of megabytes.
NOT_NEEDED = {"dvc", "ibis", "lightgbm", "mlflow", "pandas", "pandera", "scipy", "sklearn"}
LIST_MODULES = """
import sys
from pathlib import Path
from creditrisk.core.settings import Settings
from creditrisk.serve.server import Launch, application
from starlette.testclient import TestClient
bodies = [Path(name).read_bytes() for name in sys.argv[2:]]
app = application(Launch(Settings(), Path(sys.argv[1])))
with TestClient(app, base_url="http://127.0.0.1") as client:
    for body in bodies:
        answer = client.post("/predict", content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == 200, answer.text
print(*{name.partition(".")[0] for name in sys.modules})
"""


def test_health_and_readiness_have_their_forms(server: ApiServer) -> None:
    """A ready process says so, and which model it answers with."""
    with server.client as client:
        Health.model_validate_json(client.get("/health").content)
        Readiness.model_validate_json(client.get("/ready").content)


def test_metadata_identifies_model_data_and_policy(server: ApiServer, bundle: Path) -> None:
    """Hashes, threshold and bands are those of the bundle and of the settings."""
    sealed = Bundle.load(bundle)
    with server.client as client:
        shown = Metadata.model_validate_json(client.get("/metadata").content)
    assert shown.model.bundle_sha256 == sealed.sha256
    assert shown.model.feature_set_sha256 == sealed.manifest.feature_set_sha256
    assert shown.threshold == sealed.manifest.threshold.value
    assert shown.data_snapshot == sealed.manifest.snapshot.model_dump(mode="json")


def test_schemas_of_both_forms_are_given(server: ApiServer) -> None:
    """A caller learns the columns of both forms."""
    with server.client as client:
        schemas = client.get("/schema").json()
    assert set(schemas) == {"applications", "features"}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("DELETE", "/predict", 405),
        ("GET", "/decisions/none-of-that-id", 404),
        ("GET", "/decisions/..%2F..%2Fetc%2Fpasswd", 404),
        ("POST", "/predict", 415),
    ],
)
def test_every_error_is_a_problem(server: ApiServer, method: str, path: str, status: int) -> None:
    """Whatever is refused comes as problem details with the correlation id."""
    with server.client as client:
        answer = client.request(method, path, headers={"X-Request-ID": "my-id.1"})
    problem = ProblemDetails.model_validate_json(answer.content)
    assert (answer.status_code, problem.status, problem.request_id) == (status, status, "my-id.1")
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("encoding", ["gzip", "br"])
def test_packed_bodies_are_not_read(server: ApiServer, bundle: Path, encoding: str) -> None:
    """A body with a Content-Encoding is refused, whatever it would unpack to."""
    with server.client as client:
        headers = {**JSON, "Content-Encoding": encoding}
        answer = client.post("/predict", json=feature_body(bundle), headers=headers)
    assert answer.status_code == 415


def test_an_id_of_the_caller_s_comes_back(server: ApiServer, bundle: Path) -> None:
    """A valid X-Request-ID is in header, body and log line."""
    with server.client as client:
        answer = client.post(
            "/predict", json=feature_body(bundle), headers={"X-Request-ID": "Order_7.a"}
        )
    assert answer.headers["x-request-id"] == answer.json()["request_id"] == "Order_7.a"
    assert "x-request-id-replaced" not in answer.headers
    assert server.request_line("Order_7.a")["status"] == 200


@pytest.mark.parametrize("offered", ["a b", "x" * 65, 'a"}{"level":"critical"', ""])
def test_an_id_that_could_forge_a_line_is_replaced(server: ApiServer, offered: str) -> None:
    """Other ids are replaced by one of ours, and a header says so."""
    with server.client as client:
        answer = client.get("/health", headers={"X-Request-ID": offered})
    assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["x-request-id"])
    assert answer.headers["x-request-id-replaced"] == "true"


def test_a_log_line_tells_of_a_request_and_of_nobody(server: ApiServer, bundle: Path) -> None:
    """The line has ids, counts and times; nothing of the body or of the address's query."""
    body = application_body(bundle, SK_ID_CURR=987654321)
    with server.client as client:
        client.post("/predict?name=Ann", json=body, headers={"X-Request-ID": "quiet-1"})
    line = server.request_line("quiet-1")
    assert (line["method"], line["path"], line["records"]) == ("POST", "/predict", 1)
    assert line["caller"] == "local"
    assert not {"987654321", "Ann"} & set(re.findall(r"\w+", server.log_text))


def test_metrics_count_what_happened(server: ApiServer, bundle: Path) -> None:
    """Requests, decisions and refusals move as they happen."""
    before = metrics(server)
    with server.client as client:
        client.post("/predict", json=feature_body(bundle, 3))
        client.post("/predict", json={"features": []})
    moved = {
        "creditrisk_decisions_total": 3,
        'creditrisk_requests_total{method="POST",path="/predict"': 2,
        "creditrisk_refused_requests_total": 1,
        "creditrisk_probability_of_default_ratio_count": 3,
    }

    def changes() -> dict[str, float]:
        after = metrics(server)
        return {
            name: sum(after[key] - before.get(key, 0) for key in after if key.startswith(name))
            for name in moved
        }

    waited_for(lambda: changes() == moved)  # some count once the answer has left


def test_openapi_examples_run(server: ApiServer) -> None:
    """Each example of the document is answered as documented."""
    with server.client as client:
        content = client.get("/openapi.json").json()["paths"]["/predict"]["post"]
        examples = content["requestBody"]["content"]["application/json"]["examples"]
        answers = {
            name: client.post("/predict", json=example["value"])
            for name, example in examples.items()
        }
    assert {name: answer.status_code for name, answer in answers.items()} == {
        "applications": 200,
        "features": 200,
    }


def test_the_page_for_people_names_every_path_and_loads_nothing(server: ApiServer) -> None:
    """/docs works on a closed network."""
    with server.client as client:
        paths = client.get("/openapi.json").json()["paths"]
        page = client.get("/docs").text
    assert all(path in page for path in paths)
    assert not re.search(r"<script|src=|https?://", page)


def test_a_decision_can_be_read_and_replayed(server: ApiServer, bundle: Path) -> None:
    """Auditors see what was recorded, and that it comes out the same to the last bit."""
    with server.client as client:
        answer = client.post("/predict", json=application_body(bundle)).json()["predictions"][0]
        place = f"/decisions/{answer['decision_id']}"
        recorded = client.get(place).json()
        replayed = client.get(f"{place}/replay").json()
    assert recorded["content"]["probability"] == answer["probability"]
    assert (replayed["verdict"], replayed["differing"]) == ("identical", [])


def test_a_refusal_is_not_replayed(server: ApiServer) -> None:
    """What was no decision cannot come out the same."""
    with server.client as client:
        client.post("/predict", json={}, headers={"X-Request-ID": "refused-2"})
        with server.ledger() as ledger:
            found = [one for one in ledger.after(0) if one.request_id == "refused-2"]
        answer = client.get(f"/decisions/{found[0].decision_id}/replay")
    assert (answer.status_code, answer.json()["type"]) == (
        409,
        "urn:creditrisk:problem:not-replayable",
    )


def test_the_process_loads_no_heavy_library(bundle: Path, tmp_path: Path) -> None:
    """After an answer in each form, none of the libraries of training is loaded."""
    import subprocess
    import sys

    bodies = {"features": feature_body(bundle), "applications": application_body(bundle)}
    paths = [tmp_path / f"{name}.json" for name in bodies]
    for path, body in zip(paths, bodies.values(), strict=True):
        path.write_text(json.dumps(body))
    command = [sys.executable, "-c", LIST_MODULES, bundle, *paths]
    loaded = subprocess.check_output(command, cwd=tmp_path, text=True).splitlines()[-1]
    assert not set(loaded.split()) & NOT_NEEDED


def test_a_worker_stays_small(server: ApiServer) -> None:
    """A process that has answered both forms holds at most 400 MiB."""
    assert psutil.Process(server.process.pid).memory_info().rss < 400 << 20


@pytest.mark.slow
def test_a_worker_is_ready_within_five_seconds_of_its_own_time(
    bundle: Path, tmp_path: Path
) -> None:
    """Starting costs less than five seconds of processor time, so that a free machine needs less."""
    with running(tmp_path, "--bundle", str(bundle)) as api:
        times = psutil.Process(api.process.pid).cpu_times()
    assert times.user + times.system < 5


def metrics(server: ApiServer) -> dict[str, float]:
    time.sleep(0.2)  # counted once the answer has left
    with server.client as client:
        lines = client.get("/metrics").text.splitlines()
    samples: Any = (line.rpartition(" ") for line in lines if not line.startswith("#"))
    return {name: float(value) for name, _, value in samples}
