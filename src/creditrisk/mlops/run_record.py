"""What MLflow holds of a bundle, as plain data, to be compared with what the files say."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from creditrisk.core.settings import TrackingSettings
from creditrisk.mlops import tracking
from creditrisk.mlops.bundle import Bundle, BundleManifest
from creditrisk.mlops.store import store_client

# Which checkout a run was made from is no property of the model.
_NOT_OF_THE_MODEL = frozenset({"git_commit"})


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run that carries a bundle's hash."""

    run_id: str
    metrics: Mapping[str, float]
    parameters: Mapping[str, str]
    tags: Mapping[str, str]


def read_run(
    bundle: Bundle,
    measured: Mapping[str, Mapping[str, float]],
    experiment: str = TrackingSettings().experiment,
) -> RunRecord:
    """The record of the run that made this bundle, never simply the newest.

    Where the store has no such run it is made from the bundle, and where a run has no metric of a
    side, that side's are logged: a bundle that came from DVC's cache has not been tracked here. A
    run that holds metrics of a side keeps them, so that a disagreement is seen.

    Args:
        bundle: the model.
        measured: metrics by name, by the side they were measured on.
        experiment: where runs of this project are kept.

    Raises:
        TrackingUnavailable: the store does not answer.
    """
    run_id = tracking.ensure_run(bundle, experiment)
    known = _metrics(run_id)
    for side, metrics in measured.items():
        if not any(name.startswith(f"{side}_") for name in known):
            tracking.log_metrics(run_id, metrics, side)
    with store_client() as client:
        data = client.get_run(run_id).data
        return RunRecord(run_id, dict(data.metrics), dict(data.params), dict(data.tags))


def run_of_id(run_id: str) -> RunRecord:
    """The record of a run that is known by its id.

    Raises:
        TrackingUnavailable: the store does not answer, or has no such run.
    """
    with store_client() as client:
        data = client.get_run(run_id).data
        return RunRecord(run_id, dict(data.metrics), dict(data.params), dict(data.tags))


def kept_bundle_sha256(run_id: str) -> str:
    """The SHA-256 of the copy of a bundle that its run keeps, every file of it verified.

    Raises:
        TrackingUnavailable: the store does not answer.
        MissingFile, BundleRefused: the copy is not sound.
    """
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    with store_client() as client, tempfile.TemporaryDirectory() as folder:
        client.download_artifacts(run_id, tracking.BUNDLE_ARTIFACT, folder)
        return Bundle.load(Path(folder) / tracking.BUNDLE_ARTIFACT).sha256


def required_tags(manifest: BundleManifest, bundle_sha256: str) -> dict[str, str]:
    """The tags that the run of this bundle must carry."""
    tags = tracking.manifest_tags(manifest)
    kept = {name: value for name, value in tags.items() if name not in _NOT_OF_THE_MODEL}
    return {**kept, tracking.BUNDLE_TAG: bundle_sha256}


def required_parameters(manifest: BundleManifest) -> dict[str, str]:
    """The parameters that the run of this bundle must hold, as MLflow keeps them."""
    return {name: str(value) for name, value in tracking.flat_parameters(manifest.params).items()}


def _metrics(run_id: str) -> Mapping[str, float]:
    with store_client() as client:
        return dict(client.get_run(run_id).data.metrics)
