"""What the API does with too much, too slow, or too early an end."""

from __future__ import annotations

import json
import re
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from api_server import READY_SECONDS, ApiServer, application_body, feature_body, running
from rude_client import waited_for

SMALL = {"max_body_bytes": 2_000_000, "queue_records": 40, "max_records": 1_000}


@pytest.fixture(scope="module")
def small(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """A server with tight bounds."""
    folder = tmp_path_factory.mktemp("small")
    with running(folder, "--bundle", str(bundle), serve=SMALL) as api:
        yield api


def connection(api: ApiServer) -> socket.socket:
    place = urlsplit(api.url)
    return socket.create_connection((str(place.hostname), int(place.port or 0)), timeout=30)


def head(length: int | None = None, **headers: str) -> bytes:
    size = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    lines = ["POST /predict HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json", size]
    return "\r\n".join([*lines, *(f"{k}: {v}" for k, v in headers.items()), "", ""]).encode()


def copies(body: dict[str, Any], count: int) -> dict[str, Any]:
    """The first application so many times, each under an id of its own."""
    one = body["applications"][0] | {"bureau": [], "previous_application": []}
    return {"applications": [one | {"SK_ID_CURR": 200_000 + n} for n in range(count)]}


def test_a_body_too_large_is_refused_by_its_header(small: ApiServer) -> None:
    """413 comes before a byte of the body is sent."""
    with connection(small) as own:
        own.sendall(head(100_000_000))
        assert b" 413 " in own.recv(4_096)


def test_a_body_too_large_in_chunks_is_refused_on_the_way(small: ApiServer) -> None:
    """413 comes for a body of unknown length, too, and the client can read it."""
    with small.client as client:
        answer = client.post(
            "/predict",
            content=(b" " * 100_000 for _ in range(50)),
            headers={"Content-Type": "application/json"},
        )
    assert (answer.status_code, answer.json()["max_body_bytes"]) == (413, 2_000_000)


def test_a_slow_body_in_chunks_is_answered(small: ApiServer, bundle: Path) -> None:
    """A body may come in small pieces."""
    body = json.dumps(feature_body(bundle)).encode()
    half = len(body) // 2
    with connection(small) as own:
        own.sendall(head())
        for part in (body[:half], body[half:]):
            own.sendall(b"%x\r\n%s\r\n" % (len(part), part))
            time.sleep(0.2)
        own.sendall(b"0\r\n\r\n")
        assert b" 200 OK" in own.recv(4_096)


def test_a_client_that_goes_away_disturbs_nobody(small: ApiServer, bundle: Path) -> None:
    """A half-sent body and an answer that nobody reads leave the server ready."""
    body = json.dumps(application_body(bundle)).encode()
    with connection(small) as half:
        half.sendall(head(len(body), **{"X-Request-ID": "gone-1"}) + body[:100])
    with connection(small) as deaf:
        deaf.sendall(head(len(body), **{"X-Request-ID": "gone-2"}) + body)
    assert small.request_line("gone-1")["status"] == 499
    assert small.request_line("gone-2")["status"] == 200
    assert small.is_ready()


def test_a_full_queue_says_when_to_come_back(small: ApiServer, bundle: Path) -> None:
    """Past the bound callers get 503 and Retry-After, and the others their answers."""
    body = copies(application_body(bundle), 30)
    with small.client as client, ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: client.post("/predict", json=body), range(6)))
    statuses = {answer.status_code for answer in answers}
    assert statuses == {200, 503}
    assert all(a.headers["retry-after"] for a in answers if a.status_code == 503)
    assert small.is_ready()


def test_a_large_request_does_not_hold_up_a_small_one(server: ApiServer, bundle: Path) -> None:
    """While hundreds of applications are computed, single records are answered one by one.

    None waits for half of that time. A machine that is busy elsewhere may hold one up, but not in
    each of three attempts.
    """
    large = copies(application_body(bundle), 600)
    small = feature_body(bundle)
    attempts = (waits_beside(server, large, small) for _ in range(3))
    assert any(len(waits) > 5 and max(waits) < sum(waits) / 2 for waits in attempts)


def waits_beside(api: ApiServer, large: dict[str, Any], small: dict[str, Any]) -> list[float]:
    """How long small requests take, one after the other, while a large one is answered."""
    waits = []
    with api.client as client, ThreadPoolExecutor(1) as pool:
        slow = pool.submit(client.post, "/predict", json=large)
        while not slow.done():
            begun = time.perf_counter()
            assert client.post("/predict", json=small).status_code == 200
            waits.append(time.perf_counter() - begun)
    assert slow.result().status_code == 200
    return waits


@pytest.mark.slow
def test_what_was_accepted_is_finished_before_the_end(bundle: Path, tmp_path: Path) -> None:
    """SIGTERM: the answer still comes, its decisions are in the ledger, the exit code is 0."""
    body = copies(application_body(bundle), 400)
    with running(tmp_path, "--bundle", str(bundle)) as api, ThreadPoolExecutor(1) as pool:
        with api.client as client:
            answer = pool.submit(client.post, "/predict", json=body)
            waited_for(lambda: answer.done() or waiting_records(api))
            assert not answer.done()
            api.process.send_signal(signal.SIGTERM)
            ids = {one["decision_id"] for one in answer.result().json()["predictions"]}
        assert api.process.wait(timeout=READY_SECONDS) == 0
        with api.ledger() as ledger:
            kept = {one.decision_id for one in ledger.after(0, 1_000)}
            assert ledger.verify().is_whole
    assert len(ids) == 400
    assert ids <= kept


def waiting_records(api: ApiServer) -> float:
    """How many records the server has accepted and not yet answered."""
    with api.client as client:
        text = client.get("/metrics").text
    return float(re.findall(r"^creditrisk_queue_records (\S+)$", text, re.MULTILINE)[0])


def test_it_does_not_start_without_a_model(tmp_path: Path) -> None:
    """A folder without a published champion is named, with the remedy, before anything listens."""
    from api_server import started

    api = started(tmp_path, "--served", "nowhere")
    assert api.process.wait(timeout=READY_SECONDS) == 1
    assert "nowhere has no champion" in api.log_text


def test_a_dead_server_refuses(bundle: Path, tmp_path: Path) -> None:
    """After the end nobody is connected."""
    with running(tmp_path, "--bundle", str(bundle)) as api:
        client = api.client
        assert api.stop() == 0
    with client, pytest.raises(httpx2.ConnectError):
        client.get("/health")
