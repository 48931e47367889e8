"""MLflow runs of sealed bundles: a run is found by its bundle's hash, or made from the manifest."""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from creditrisk.core.settings import TrackingSettings
from creditrisk.mlops.bundle import Bundle, BundleManifest
from creditrisk.mlops.golden import table_of
from creditrisk.mlops.provenance import git_commit
from creditrisk.mlops.store import connect, store_client
from creditrisk.models.pipeline_file import TRUSTED_TYPES

BUNDLE_TAG = "bundle_sha256"
MODEL_NAME = "model"
BUNDLE_ARTIFACT = "bundle"


def open_experiment(experiment: str = TrackingSettings().experiment) -> str:
    """The id of the experiment, which is made where there is none.

    It also imports what making a run needs, so that a caller can have seconds of imports pass in
    another thread.

    Raises:
        TrackingUnavailable: the store does not answer.
    """
    with store_client() as client:
        import skops.io  # noqa: F401

        return _experiment_id(client, experiment)


def ensure_run(bundle: Bundle, experiment: str = TrackingSettings().experiment) -> str:
    """The id of the run of this bundle; made from the bundle where this store has none.

    Processes on one machine take turns, so that a bundle gets one run.

    Raises:
        TrackingUnavailable: the store does not answer.
    """
    with store_client() as client:
        experiment_id = _experiment_id(client, experiment)
        return _found_run(client, experiment_id, bundle) or _made_run(client, experiment_id, bundle)


def log_metrics(run_id: str, metrics: Mapping[str, float], prefix: str) -> None:
    """Add metrics to a run as `prefix_name`.

    Raises:
        TrackingUnavailable: the store does not answer.
    """
    with store_client() as client:
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        batch = [Metric(f"{prefix}_{name}", value, now, 0) for name, value in metrics.items()]
        client.log_batch(run_id, metrics=batch)


def _experiment_id(client: Any, name: str) -> str:
    experiment = client.get_experiment_by_name(name)
    return str(experiment.experiment_id if experiment else client.create_experiment(name))


def _found_run(client: Any, experiment_id: str, bundle: Bundle) -> str | None:
    runs = client.search_runs(
        [experiment_id],
        filter_string=f"tags.{BUNDLE_TAG} = '{bundle.sha256}'",
        order_by=["attributes.start_time ASC"],
        max_results=1,
    )
    return str(runs[0].info.run_id) if runs else None


def _made_run(client: Any, experiment_id: str, bundle: Bundle) -> str:
    mlflow = connect()
    manifest = bundle.manifest
    name = f"{manifest.model_type}-{bundle.sha256[:8]}"
    with mlflow.start_run(
        experiment_id=experiment_id, run_name=name, tags=manifest_tags(manifest)
    ) as run:
        mlflow.log_params(flat_parameters(manifest.params))
        mlflow.log_metrics(_metrics(manifest))
        mlflow.log_artifacts(str(bundle.folder), BUNDLE_ARTIFACT)
        _log_pipeline(bundle)
        # Last, so that a run which is found by its tag is complete.
        client.set_tag(run.info.run_id, BUNDLE_TAG, bundle.sha256)
        return str(run.info.run_id)


def _log_pipeline(bundle: Bundle) -> None:
    import mlflow.sklearn

    libraries = bundle.manifest.libraries
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow's own deprecations, nothing a caller can act on
        mlflow.sklearn.log_model(
            bundle.pipeline(),
            name=MODEL_NAME,
            serialization_format="skops",
            skops_trusted_types=TRUSTED_TYPES,
            signature=_signature(bundle.manifest),
            input_example=_example_frame(bundle),
            pip_requirements=[f"{name}=={version}" for name, version in libraries.items()],
            code_paths=[str(files("creditrisk"))],
            pyfunc_predict_fn="predict_proba",
        )


def _signature(manifest: BundleManifest) -> Any:
    import numpy as np
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema, TensorSpec
    from mlflow.types.schema import AnyType

    # MLflow refuses int64 for a double and NaN for a long; integers come as either, depending on
    # whether the rows at hand have nulls, and the pipeline's encoder checks them itself.
    types: dict[str, Any] = {
        "category": DataType.string,
        "real": DataType.double,
        "integer": AnyType(),  # type: ignore[no-untyped-call]
    }
    columns: list[ColSpec | TensorSpec] = [
        ColSpec(types[feature.type], feature.name, required=True) for feature in manifest.features
    ]
    outputs = Schema([TensorSpec(np.dtype(np.float64), (-1, 2), "probabilities")])
    return ModelSignature(inputs=Schema(columns), outputs=outputs)


def _example_frame(bundle: Bundle) -> Any:
    rows = bundle.input_example().rows
    return table_of(rows, bundle.manifest.features).to_pandas()


def manifest_tags(manifest: BundleManifest) -> dict[str, str]:
    """What a run is tagged with beside its bundle's hash, which is set last."""
    snapshot = manifest.snapshot
    return {
        "stage": "fit_model",
        "model_type": manifest.model_type,
        "git_commit": git_commit(),
        "source_sha256": manifest.source_sha256,
        "feature_set_sha256": manifest.feature_set_sha256,
        "feature_store_sha256": snapshot.feature_store,
        "catalogue_sha256": snapshot.catalogue,
        **{f"split_{side}_sha256": digest for side, digest in snapshot.splits.items()},
        **{f"raw_{table}_sha256": digest for table, digest in snapshot.raw.items()},
    }


def _metrics(manifest: BundleManifest) -> dict[str, float]:
    metrics = {
        f"{side}_{name}": value
        for side, summary in manifest.sides.items()
        for name, value in summary.metrics.items()
    }
    return {
        **metrics,
        "threshold": manifest.threshold.value,
        "calibration_slope": manifest.calibration.slope,
        "calibration_intercept": manifest.calibration.intercept,
        "best_iteration": float(manifest.best_iteration),
    }


def flat_parameters(params: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested parameters as `section.name`."""
    flat: dict[str, Any] = {}
    for name, value in params.items():
        if isinstance(value, Mapping):
            flat |= flat_parameters(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat
