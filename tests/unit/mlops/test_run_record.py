"""What MLflow holds of a bundle, read from a real local store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from simulated_lending import sealed

from creditrisk.core.settings import TrackingSettings
from creditrisk.mlops import tracking
from creditrisk.mlops.bundle import Bundle
from creditrisk.mlops.errors import BundleRefused
from creditrisk.mlops.run_record import (
    kept_bundle_sha256,
    read_run,
    required_parameters,
    required_tags,
)
from creditrisk.mlops.store import connect

pytestmark = pytest.mark.filterwarnings("ignore:::mlflow", "ignore:::sqlalchemy")

EXPERIMENT = TrackingSettings().experiment
METRICS = {"test": {"roc_auc": 0.75, "ks": 0.4}}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A sealed bundle; tests only read it."""
    return sealed(tmp_path_factory.mktemp("bundle"))


@pytest.fixture(scope="module", autouse=True)
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A tracking store of this module."""
    folder = tmp_path_factory.mktemp("store")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
        yield folder


def client() -> Any:
    """The store's client."""
    return connect().MlflowClient()


def test_a_run_that_is_not_there_is_made_and_agrees(bundle: Bundle) -> None:
    """Of a fetched model the record holds the manifest's tags and parameters and the metrics given."""
    record = read_run(bundle, METRICS)
    assert kept_bundle_sha256(record.run_id) == bundle.sha256
    assert dict(record.parameters) == required_parameters(bundle.manifest)
    tags = required_tags(bundle.manifest, bundle.sha256)
    assert {name: record.tags[name] for name in tags} == tags
    assert (record.metrics["test_roc_auc"], record.metrics["test_ks"]) == (0.75, 0.4)


def test_metrics_that_a_run_holds_are_kept(bundle: Bundle) -> None:
    """A disagreement stays visible: nothing on file overwrites what the run says."""
    read_run(bundle, METRICS)
    assert read_run(bundle, {"test": {"roc_auc": 0.99}}).metrics["test_roc_auc"] == 0.75


def test_the_commit_is_no_property_of_the_model(bundle: Bundle) -> None:
    """The same model from two checkouts carries the same required tags."""
    tags = required_tags(bundle.manifest, bundle.sha256)
    assert "git_commit" not in tags
    assert tags["bundle_sha256"] == bundle.sha256


def test_a_changed_copy_of_the_model_is_refused(bundle: Bundle) -> None:
    """The run's own copy must be what was sealed."""
    run_id = tracking.ensure_run(bundle, EXPERIMENT)
    copy = Path(client().get_run(run_id).info.artifact_uri) / "bundle/booster.txt"
    sound = copy.read_bytes()
    copy.write_bytes(sound + b"\n")
    with pytest.raises(BundleRefused, match=r"booster\.txt"):
        kept_bundle_sha256(run_id)
    copy.write_bytes(sound)
