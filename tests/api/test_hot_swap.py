"""A champion that moves is taken up by a running server, and only a sound one."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from api_server import ApiServer, application_body, feature_body, running
from simulated_lending import sealed

from creditrisk.mlops.bundle import Bundle
from creditrisk.mlops.served import ServedAlias, publish
from creditrisk.mlops.versions import RegisteredVersion

SEEN_SECONDS = 120


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """Another sealed model; tests only read it."""
    return sealed(tmp_path_factory.mktemp("other"), "logistic")


def published(
    bundle: Bundle, folder: Path, number: str = "1", alias: ServedAlias = "champion"
) -> None:
    """Publish a bundle as the watcher does."""
    version = RegisteredVersion(
        version=number,
        run_id=f"run-{number}",
        bundle_sha256=bundle.sha256,
        aliases=(alias,),
        tags={"git_commit": "abc"},
    )
    publish(bundle, version, folder, model_name="CreditRiskPD", alias=alias)


def metadata(api: ApiServer) -> Any:
    with api.client as client:
        return client.get("/metadata").json()


def seen(what: Callable[[], bool]) -> bool:
    """Whether it becomes true in time."""
    end = time.monotonic() + SEEN_SECONDS
    while not (found := what()) and time.monotonic() < end:
        time.sleep(0.1)
    return found


def test_a_new_champion_answers_without_a_restart(
    bundle: Path, other: Bundle, tmp_path: Path
) -> None:
    """The next answers are the new model's, and metadata, log and metric say so."""
    folder = tmp_path / "served"
    published(Bundle.load(bundle), folder)
    with running(tmp_path, "--served", str(folder)) as api, api.client as client:
        before = client.post("/predict", json=feature_body(bundle)).json()
        published(other, folder, "2")
        assert seen(lambda: metadata(api)["model"]["version"] == "2")
        after = client.post("/predict", json=feature_body(bundle)).json()
        assert metadata(api)["reload"]["result"] == "taken up"
        assert (
            'creditrisk_model_reloads_total{result="taken up"} 1.0' in client.get("/metrics").text
        )
        assert seen(lambda: "model taken up" in {line["message"] for line in api.log})
    assert (before["model"]["version"], after["model"]["version"]) == ("1", "2")
    assert after["model"]["bundle_sha256"] == other.sha256


def test_a_tampered_champion_is_refused_and_the_old_one_stays(
    bundle: Path, other: Bundle, tmp_path: Path
) -> None:
    """A bundle whose bytes have changed never answers; why is told."""
    folder = tmp_path / "served"
    published(Bundle.load(bundle), folder)
    shutil.copytree(other.folder, folder / other.sha256)
    (folder / other.sha256 / "calibration.json").write_text('{"slope": 0.1, "intercept": -9}')
    pointer = json.loads((folder / "champion.json").read_text())
    pointer |= {"bundle_sha256": other.sha256, "bundle": other.sha256, "version": "2"}
    with running(tmp_path, "--served", str(folder)) as api, api.client as client:
        (folder / "champion.json").write_text(json.dumps(pointer))
        assert seen(lambda: (metadata(api)["reload"] or {}).get("result") == "refused")
        shown = metadata(api)
        answer = client.post("/predict", json=feature_body(bundle))
    assert shown["model"]["version"] == answer.json()["model"]["version"] == "1"
    assert "calibration.json" in shown["reload"]["reason"]


def test_a_pinned_model_stays(bundle: Path, other: Bundle, tmp_path: Path) -> None:
    """--pin keeps the model of the start."""
    folder = tmp_path / "served"
    published(Bundle.load(bundle), folder)
    with running(tmp_path, "--served", str(folder), "--pin") as api:
        published(other, folder, "2")
        time.sleep(3)
        shown = metadata(api)
    assert (shown["model"]["version"], shown["follows_pointer"]) == ("1", False)


def test_a_challenger_is_scored_beside_the_champion(
    bundle: Path, other: Bundle, tmp_path: Path
) -> None:
    """The ledger gets the challenger's PD beside the decision; the answer is the champion's."""
    folder = tmp_path / "served"
    published(Bundle.load(bundle), folder)
    published(other, folder, "2", "challenger")
    settings = {"shadow": "challenger"}
    with running(tmp_path, "--served", str(folder), serve=settings) as api, api.client as client:
        assert seen(lambda: metadata(api)["shadow"]["model"] is not None)
        for body in (feature_body(bundle), application_body(bundle)):
            answer = client.post("/predict", json=body).json()
            decision_id = answer["predictions"][0]["decision_id"]
            assert seen(lambda wanted=decision_id: shadow_of(api, wanted) is not None)
            beside = shadow_of(api, decision_id)
            assert answer["model"]["version"] == "1"
            assert beside is not None
            assert beside["model"]["bundle_sha256"] == other.sha256


def shadow_of(api: ApiServer, decision_id: str) -> dict[str, Any] | None:
    """What the ledger holds of the challenger beside a decision."""
    with api.ledger() as ledger:
        contents = [json.loads(one.content or b"{}") for one in ledger.after(0)]
    return next((one for one in contents if one.get("beside") == decision_id), None)
