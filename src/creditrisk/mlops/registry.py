"""MLflow's model registry: which bundles are candidates, and what let them in.

Aliases say what a version is for. Registry stages are deprecated in MLflow, so the word that a
stage would have had stands in the version's tag `stage`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from creditrisk.core.errors import CreditRiskError, Misuse
from creditrisk.core.report import Report
from creditrisk.core.settings import RegistrySettings
from creditrisk.mlops.bundle import Bundle
from creditrisk.mlops.store import store_client
from creditrisk.mlops.tracking import BUNDLE_TAG, MODEL_NAME

CANDIDATE_ALIAS = "candidate"
_NOT_STAGED = "None"  # the registry's own word for a version that no stage has


class UnknownMetric(Misuse):
    """`registry.promote_on_metric` names nothing that a candidate can be judged by."""

    def __init__(self, name: str, known: Collection[str]) -> None:
        super().__init__(
            f"params.yaml, registry.promote_on_metric is '{name}'; it must be one of "
            f"{', '.join(known)}."
        )


class CandidateRefused(CreditRiskError):
    """A model does not become a candidate."""

    def __init__(self, model_name: str, reason: str) -> None:
        super().__init__(f"{model_name} not registered: {reason}.")


class RegistryPromotion(Report):
    """Whether a bundle became a registered candidate, and why.

    The registry's answers are no function of the pipeline's inputs, so DVC does not track this
    file. Fields are null where the decision came before they were known.
    """

    model_name: str
    decision: Literal["registered", "already registered", "refused"]
    reason: str
    metric: str
    value: float | None = None
    bar: float
    bundle_sha256: str | None = None
    run_id: str | None = None
    version: str | None = None
    alias: str | None = None


@dataclass(frozen=True, slots=True)
class MeasuredBundle:
    """What was measured on applicants that the model had not seen, and of which bundle."""

    split: str
    bundle_sha256: str
    metrics: Mapping[str, float]


def judge(
    evidence: MeasuredBundle, bundle: Bundle, settings: RegistrySettings, known: Collection[str]
) -> float:
    """The value that clears the bar.

    Args:
        evidence: the bundle's test metrics.
        bundle: the bundle that is to be registered.
        settings: the metric and its bar.
        known: the metrics of which more is better.

    Raises:
        UnknownMetric: the settings name another.
        CandidateRefused: the evidence is about something else, or the bar is not reached.
    """
    metric, bar = settings.promote_on_metric, settings.promote_min_value
    if metric not in known:
        raise UnknownMetric(metric, known)
    if evidence.split != "test":
        reason = (
            f"the metrics are of the {evidence.split} side, those of the test side are required"
        )
        raise CandidateRefused(settings.model_name, reason)
    if evidence.bundle_sha256 != bundle.sha256:
        reason = (
            f"the test metrics are of bundle {evidence.bundle_sha256[:12]}, the model in "
            f"{bundle.folder} is {bundle.sha256[:12]}"
        )
        raise CandidateRefused(settings.model_name, reason)
    if metric not in evidence.metrics:
        raise CandidateRefused(settings.model_name, f"{metric} was not measured")
    value = evidence.metrics[metric]
    if value < bar:
        reason = f"{metric} {value:.4f} is below {bar:g} (params.yaml, registry.promote_min_value)"
        raise CandidateRefused(settings.model_name, reason)
    return value


def register(
    bundle: Bundle, run_id: str, value: float, settings: RegistrySettings
) -> RegistryPromotion:
    """Register the bundle's run as a version with the alias `candidate`.

    A bundle is registered once: of a second call only the alias's move remains.

    Raises:
        TrackingUnavailable: the registry does not answer.
    """
    with store_client() as client:
        known = _registered_version(client, bundle, settings.model_name)
        version = known or _new_version(client, bundle, run_id, value, settings)
        client.set_registered_model_alias(settings.model_name, CANDIDATE_ALIAS, version.version)
    metric = settings.promote_on_metric
    return RegistryPromotion(
        model_name=settings.model_name,
        decision="already registered" if known else "registered",
        reason=f"{metric} {value:.4f} reaches {settings.promote_min_value:g}",
        metric=metric,
        value=value,
        bar=settings.promote_min_value,
        bundle_sha256=bundle.sha256,
        run_id=run_id,
        version=str(version.version),
        alias=CANDIDATE_ALIAS,
    )


def has_metric(run_id: str, name: str) -> bool:
    """Whether a run holds a metric.

    Raises:
        TrackingUnavailable: the store does not answer.
    """
    with store_client() as client:
        return name in client.get_run(run_id).data.metrics


def _registered_version(client: Any, bundle: Bundle, model_name: str) -> Any | None:
    """The first version that holds this bundle, if there is one."""
    versions = client.search_model_versions(
        f"name = '{model_name}' and tags.{BUNDLE_TAG} = '{bundle.sha256}'"
    )
    return min(versions, key=lambda version: int(version.version), default=None)


def _new_version(
    client: Any, bundle: Bundle, run_id: str, value: float, settings: RegistrySettings
) -> Any:
    if not client.search_registered_models(f"name = '{settings.model_name}'"):
        client.create_registered_model(settings.model_name)
    run = client.get_run(run_id)
    model_id = _model_id(client, run)
    return client.create_model_version(
        settings.model_name,
        source=f"models:/{model_id}",
        run_id=run_id,
        model_id=model_id,
        description=_description(bundle, value, settings),
        tags={
            BUNDLE_TAG: bundle.sha256,
            "run_id": run_id,
            "git_commit": run.data.tags.get("git_commit", "unknown"),
            "metric": settings.promote_on_metric,
            "metric_value": f"{value:.10g}",
            "metric_bar": f"{settings.promote_min_value:g}",
            "stage": _NOT_STAGED,
        },
    )


def _model_id(client: Any, run: Any) -> str:
    """The id of the run's logged pipeline."""
    outputs = run.outputs.model_outputs if run.outputs else []
    for output in outputs:
        if client.get_logged_model(output.model_id).name == MODEL_NAME:
            return str(output.model_id)
    raise CandidateRefused(run.info.run_name, f"its run {run.info.run_id} holds no logged model")


def _description(bundle: Bundle, value: float, settings: RegistrySettings) -> str:
    manifest = bundle.manifest
    return (
        f"{manifest.model_type} on {len(manifest.features)} features, "
        f"test {settings.promote_on_metric} {value:.4f} "
        f"(bar {settings.promote_min_value:g}), bundle {bundle.sha256[:12]}"
    )
