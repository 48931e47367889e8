"""From the registry through the API to MLflow, with every process that `serve` starts."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml
from decided import leave_runner
from registered import BUNDLE, promote, retrain

from creditrisk.mlops.bundle import Bundle
from creditrisk.mlops.store import connect

sys.path.insert(0, str(Path(__file__).parents[2] / "api"))

from api_server import ApiServer, running

NAME = "Chained"
SECONDS = 120.0
ORPHANED = "Orphaned"  # a registered model of its own: the other test moves the champion of NAME
SERVE = {"watch_registry": True, "watch_seconds": 0.5, "ship_inference": True}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("ignore:::mlflow", "ignore:::sqlalchemy"),
]


@contextmanager
def serving(folder: Path, name: str) -> Iterator[ApiServer]:
    """`creditrisk serve` with its companions, which watch and ship."""
    settings = {
        "registry": {"model_name": name},
        "tracking": {"inference_experiment": name},
        "serve": SERVE,
    }
    (folder / "chain.yaml").write_text(yaml.safe_dump(settings))
    with running(folder, "--params", "chain.yaml") as api:
        yield api


def until(condition: Callable[[], Any]) -> Any:
    """What the condition gives once it is something."""
    end = time.monotonic() + SECONDS
    while not (found := condition()):
        assert time.monotonic() < end, f"did not come about in {SECONDS:.0f} s"
        time.sleep(0.2)
    return found


def predicted(api: ApiServer, request_id: str) -> str:
    """The SHA-256 of the bundle that answers a request."""
    body = Bundle.load(BUNDLE).request_examples()["features"]
    with api.client as client:
        answer = client.post("/predict", json=body, headers={"X-Request-ID": request_id})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["model"]["bundle_sha256"])


def served(api: ApiServer) -> tuple[str, str]:
    """Version and bundle that /metadata shows."""
    with api.client as client:
        model = client.get("/metadata").json()["model"]
    return model["version"], model["bundle_sha256"]


def shipped() -> dict[str, str]:
    """The bundle of each request that has a finished run in MLflow."""
    client: Any = connect().MlflowClient()
    found = client.get_experiment_by_name(NAME)
    if found is None:
        return {}
    query = "tags.record = 'requests' and attributes.status = 'FINISHED'"
    runs = client.search_runs([found.experiment_id], filter_string=query)
    assert len({run.data.tags["request_id"] for run in runs}) == len(runs)
    return {run.data.tags["request_id"]: run.data.tags["bundle_sha256"] for run in runs}


def companion(api: ApiServer, name: str) -> psutil.Process | None:
    """The process of that command that the server has started, if it lives."""
    for child in psutil.Process(api.process.pid).children():
        try:
            if f"creditrisk.pipelines.{name}" in child.cmdline():
                return child
        except psutil.Error:  # it has just ended
            continue
    return None


def test_a_promotion_reaches_the_answers_and_their_runs(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The alias moves; watcher, API and shipper follow, through the death of both companions."""
    leave_runner(monkeypatch)
    promote(NAME)
    old = Bundle.load(BUNDLE).sha256
    with serving(trained, NAME) as api:
        assert served(api) == ("1", old)
        assert predicted(api, "by-the-old") == old
        for name in ("watch_registry", "ship_inference"):
            until(lambda wanted=name: companion(api, wanted)).kill()
        retrain()
        promote(NAME, "1")
        new = Bundle.load(BUNDLE).sha256
        until(lambda: served(api) == ("2", new))
        assert predicted(api, "by-the-new") == new
        until(lambda: shipped() == {"by-the-old": old, "by-the-new": new})
        companions = psutil.Process(api.process.pid).children()
        assert api.stop() == 0
    assert len(companions) == 2
    assert not any(map(psutil.Process.is_running, companions))


def test_companions_do_not_outlive_a_killed_server(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed by SIGKILL, the API leaves neither a watcher nor a shipper behind."""
    leave_runner(monkeypatch)
    promote(ORPHANED)
    with serving(trained, ORPHANED) as api:
        names = ("watch_registry", "ship_inference")
        companions = [until(lambda wanted=name: companion(api, wanted)) for name in names]
        api.process.kill()
        until(lambda: not any(map(psutil.Process.is_running, companions)))
