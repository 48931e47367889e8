"""Runs of bundles in a real local MLflow store."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from simulated_lending import FEATURES, sealed, unseen

from creditrisk.mlops import tracking
from creditrisk.mlops.bundle import Bundle
from creditrisk.mlops.errors import TrackingUnavailable
from creditrisk.mlops.store import DEFAULT_TRACKING_URI, connect

pytestmark = pytest.mark.filterwarnings("ignore:::mlflow", "ignore:::sqlalchemy")

ENSURE_RUN = """
import sys
from pathlib import Path
from creditrisk.mlops import tracking
from creditrisk.mlops.bundle import Bundle
print(tracking.ensure_run(Bundle.load(Path(sys.argv[1]))))
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A working folder whose `mlflow.db` is the tracking store."""
    folder = tmp_path_factory.mktemp("store")
    with contextlib.chdir(folder), pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
        yield folder


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A sealed bundle; tests only read it."""
    return sealed(tmp_path_factory.mktemp("bundle"))


@pytest.fixture(scope="module")
def run(store: Path, bundle: Bundle) -> Any:
    """The bundle's run."""
    assert store.is_dir()
    return client().get_run(tracking.ensure_run(bundle))


def client() -> Any:
    return connect().MlflowClient()


def run_of(bundle: Bundle) -> list[Any]:
    """All runs of the bundle."""
    experiment = client().get_experiment_by_name("creditrisk-pd")
    tag = f"tags.bundle_sha256 = '{bundle.sha256}'"
    return list(client().search_runs([experiment.experiment_id], tag))


def test_the_local_database_is_the_default(run: Any, store: Path) -> None:
    """Without MLFLOW_TRACKING_URI runs are kept in mlflow.db of the working folder."""
    assert (store / "mlflow.db").exists()
    assert run.info.artifact_uri.startswith(str(store / "mlruns"))


def test_a_bundle_has_one_run(run: Any, bundle: Bundle) -> None:
    """Asked again, the run is found, not made."""
    assert tracking.ensure_run(bundle) == run.info.run_id
    assert len(run_of(bundle)) == 1


def test_the_run_is_complete(run: Any, bundle: Bundle) -> None:
    """Parameters, metrics and tags are those of the manifest."""
    manifest = bundle.manifest
    assert run.info.status == "FINISHED"
    assert run.data.params["lightgbm.num_leaves"] == str(manifest.params["lightgbm"]["num_leaves"])
    auc = manifest.sides["calibration"].metrics["roc_auc"]
    assert run.data.metrics["calibration_roc_auc"] == auc
    assert run.data.metrics["threshold"] == manifest.threshold.value


@pytest.mark.parametrize(
    ("tag", "value"),
    [
        ("stage", "fit_model"),
        ("feature_store_sha256", "4" * 64),
        ("split_train_sha256", "5" * 64),
        ("raw_application_train.csv_sha256", "1" * 64),
    ],
)
def test_data_is_on_record(run: Any, tag: str, value: str) -> None:
    """The run's tags name the data by hash."""
    assert run.data.tags[tag] == value


def test_source_is_on_record(run: Any, bundle: Bundle) -> None:
    """The run's tags name source and commit."""
    assert run.data.tags["source_sha256"] == bundle.manifest.source_sha256
    assert run.data.tags["feature_set_sha256"] == bundle.manifest.feature_set_sha256
    assert run.data.tags["git_commit"] == "unknown"


def test_the_whole_bundle_is_an_artefact(run: Any, bundle: Bundle, tmp_path: Path) -> None:
    """What is downloaded from the run is the sealed bundle."""
    folder = client().download_artifacts(run.info.run_id, "bundle", str(tmp_path))
    assert Bundle.load(Path(folder)).sha256 == bundle.sha256


def test_pyfunc_gives_the_bundle_s_pds(run: Any, bundle: Bundle) -> None:
    """`runs:/<run_id>/model` loads by MLflow alone and predicts both outcomes' probabilities."""
    model = connect().pyfunc.load_model(f"runs:/{run.info.run_id}/model")
    rows = unseen().select([feature.name for feature in FEATURES])
    expected = bundle.serving_form().probabilities(rows)
    assert np.array_equal(model.predict(rows.to_pandas())[:, 1], expected)


def test_pyfunc_reads_integers_with_and_without_nulls(run: Any) -> None:
    """Whether a frame's integers are int64 or, because of a null, float64 does not matter."""
    model = connect().pyfunc.load_model(f"runs:/{run.info.run_id}/model")
    rows = unseen().select([feature.name for feature in FEATURES]).slice(0, 2).to_pandas()
    rows.loc[0, "CNT_CHILDREN"] = None
    assert model.predict(rows)[1, 1] == model.predict(rows[1:].astype({"CNT_CHILDREN": int}))[0, 1]


def test_the_signature_names_every_feature(run: Any) -> None:
    """MLflow knows the model's columns in order."""
    model = connect().models.get_model_info(f"runs:/{run.info.run_id}/model")
    assert model.signature.inputs.input_names() == [feature.name for feature in FEATURES]
    assert model.signature.inputs.required_input_names() == model.signature.inputs.input_names()


def test_metrics_are_added_under_a_prefix(run: Any) -> None:
    """Later stages add what they measure to the same run."""
    tracking.log_metrics(run.info.run_id, {"roc_auc": 0.75, "brier_score": 0.07}, "test")
    metrics = client().get_run(run.info.run_id).data.metrics
    assert (metrics["test_roc_auc"], metrics["test_brier_score"]) == (0.75, 0.07)


def test_a_half_made_run_is_not_found(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run is found only once everything is in it; a broken attempt is made anew."""
    assert store.is_dir()
    bundle = sealed(tmp_path, "logistic")
    with monkeypatch.context() as broken:
        broken.setattr(tracking, "_log_pipeline", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            tracking.ensure_run(bundle)
    assert run_of(bundle) == []
    assert tracking.ensure_run(bundle) == run_of(bundle)[0].info.run_id


@pytest.mark.slow
def test_two_processes_make_one_run(store: Path, tmp_path: Path) -> None:
    """Processes that ask for the same bundle at once get the same run."""
    bundle = sealed(tmp_path, "xgboost")
    command = [sys.executable, "-c", ENSURE_RUN, str(bundle.folder)]
    processes = [
        subprocess.Popen(command, cwd=store, stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    answers = {process.communicate()[0].strip() for process in processes}
    assert answers == {run.info.run_id for run in run_of(bundle)}
    assert len(answers) == 1


def test_a_server_that_does_not_answer_is_named(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The refusal names the address and the remedy."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(TrackingUnavailable, match=r"http://127\.0\.0\.1:9 cannot be used"):
        tracking.ensure_run(bundle)


def test_a_database_that_cannot_be_opened_is_named(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So does a file that is no database."""
    (tmp_path / "broken.db").write_text("this is no database, whatever its name says" * 100)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/broken.db")
    with pytest.raises(TrackingUnavailable, match=r"broken\.db cannot be used"):
        tracking.ensure_run(bundle)


@pytest.mark.slow
@pytest.mark.external
def test_mlflow_serves_the_model(run: Any, bundle: Bundle, store: Path) -> None:
    """`mlflow models serve` answers a POST of the input example with the golden PDs."""
    records = [dict(row) for row in bundle.input_example().rows]
    with served(f"runs:/{run.info.run_id}/model", store) as address:
        answer = post(f"{address}/invocations", {"dataframe_records": records})
    pds = [row[1] for row in answer["predictions"]]
    assert pds == list(bundle.golden_predictions().probabilities[: len(records)])


@contextlib.contextmanager
def served(model: str, folder: Path) -> Iterator[str]:
    """The address of `mlflow models serve`, ended with the block."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = ["models", "serve", "-m", model, "-p", str(port), "--env-manager", "local"]
    uri = {"MLFLOW_TRACKING_URI": DEFAULT_TRACKING_URI}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    process = subprocess.Popen(
        [sys.executable, "-m", "mlflow", *words],
        cwd=folder,
        env={**os.environ, **uri, "PATH": path},
        start_new_session=True,
    )
    try:
        wait_for(f"http://127.0.0.1:{port}/ping", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=30)


def wait_for(address: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(240):
        assert process.poll() is None, "the server has ended"
        with contextlib.suppress(OSError), urllib.request.urlopen(address):  # noqa: S310
            return
        time.sleep(0.5)
    pytest.fail("the server did not start within two minutes")


def post(address: str, body: dict[str, Any]) -> Any:
    request = urllib.request.Request(  # noqa: S310 - an address on this machine
        address, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request) as response:  # noqa: S310
        return json.load(response)
