"""Several workers behind one socket: one ledger, one set of metrics."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from api_server import ApiServer, feature_body, running
from rude_client import waited_for

REQUESTS = 60


@pytest.fixture(scope="module")
def workers(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """Two workers."""
    folder = tmp_path_factory.mktemp("workers")
    with running(folder, "--bundle", str(bundle), "--workers", "2") as api:
        yield api


def predicted(api: ApiServer, bundle: Path, count: int) -> list[str]:
    """The decision ids of so many requests, each on a connection of its own."""

    def one(_: int) -> str:
        with api.client as client:
            answer = client.post("/predict", json=feature_body(bundle)).json()
            return str(answer["predictions"][0]["decision_id"])

    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(one, range(count)))


def counted(api: ApiServer) -> float:
    with api.client as client:
        text = client.get("/metrics").text
    samples = re.findall(r"^creditrisk_decisions_total\{.*\} (\S+)$", text, re.MULTILINE)
    return sum(map(float, samples))


def worker_ids(api: ApiServer) -> set[int]:
    children = psutil.Process(api.process.pid).children()
    return {child.pid for child in children if is_worker(child)}


def is_worker(process: psutil.Process) -> bool:
    """Whether it serves; Python's resource tracker and the dead do not."""
    try:
        return "spawn_main" in " ".join(process.cmdline())
    except psutil.Error:
        return False


@pytest.mark.slow
def test_one_ledger_holds_what_all_workers_decided(workers: ApiServer, bundle: Path) -> None:
    """Every acknowledged decision is there once, and the chain is whole."""
    ids = predicted(workers, bundle, REQUESTS)
    with workers.ledger() as ledger:
        kept = [one.decision_id for one in ledger.after(0)]
        assert ledger.verify().is_whole
    assert set(ids) <= set(kept)
    assert len(kept) == len(set(kept))


def test_metrics_add_up_over_the_workers(workers: ApiServer, bundle: Path) -> None:
    """Whichever worker is asked tells of all of them."""
    before = counted(workers)
    predicted(workers, bundle, REQUESTS)
    # A decision is counted once its answer has left; that none is counted twice shows afterwards.
    waited_for(lambda: {counted(workers) for _ in range(8)} == {before + REQUESTS})
    assert {counted(workers) for _ in range(8)} == {before + REQUESTS}


def test_a_worker_that_dies_is_replaced(workers: ApiServer, bundle: Path) -> None:
    """After kill -9 of one worker there are two again, and what was counted stays counted."""
    before, victims = counted(workers), worker_ids(workers)
    os.kill(min(victims), signal.SIGKILL)
    waited_for(lambda: len(worker_ids(workers) - {min(victims)}) == 2)
    assert len(worker_ids(workers)) == 2
    predicted(workers, bundle, 4)
    waited_for(lambda: counted(workers) == before + 4)


@pytest.mark.slow
def test_all_workers_end_with_their_parent(bundle: Path, tmp_path: Path) -> None:
    """SIGTERM to the parent ends the workers, too, with exit code 0."""
    with running(tmp_path, "--bundle", str(bundle), "--workers", "2") as api:
        children = worker_ids(api)
        assert api.stop() == 0
    assert len(children) == 2
    assert not any(psutil.pid_exists(child) for child in children)
