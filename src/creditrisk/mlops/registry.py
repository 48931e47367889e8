"""MLflow's model registry: which bundles are candidates, and what let them in.

`creditrisk.mlops.versions` reads what is registered, `creditrisk.mlops.aliases` moves it on.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from creditrisk.core.errors import CreditRiskError, Misuse
from creditrisk.core.files import sha256_of_json
from creditrisk.core.report import Report
from creditrisk.core.settings import RegistrySettings
from creditrisk.mlops.aliases import NOT_STAGED, put_in_order
from creditrisk.mlops.bundle import Bundle, TrainingSnapshot
from creditrisk.mlops.hold_out import HoldOut
from creditrisk.mlops.store import store_client
from creditrisk.mlops.tracking import BUNDLE_TAG, MODEL_NAME
from creditrisk.mlops.versions import (
    EVIDENCE_TAG,
    HOLD_OUT_TAG,
    STAGE_TAG,
    Alias,
    RegisteredVersion,
    read_standing,
)

CANDIDATE_ALIAS: Alias = "candidate"
METRIC_TAG_PREFIX = "metric_"
HEADLINE_METRICS = (
    "roc_auc",
    "gini",
    "ks",
    "pr_auc",
    "brier_score",
    "log_loss",
    "calibration_slope",
    "calibration_intercept",
    "ece",
    "observed_expected",
)
_MODEL_DESCRIPTION = (
    "Probability that a loan applicant gets into payment difficulties, for decisions on consumer "
    "credit. Aliases: candidate (registered, clears the bar), challenger (validated), champion (in "
    "production), previous (what a rollback returns to)."
)


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

    `alias` is the highest that the version has now; `validated` says whether its validation had
    passed, which makes it the challenger. The registry's answers are no function of the pipeline's
    inputs, so DVC does not track this file. Fields are null where the decision came before they
    were known.
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
    alias: Alias | None = None
    validated: bool = False


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
    bundle: Bundle,
    run_id: str,
    measured: MeasuredBundle,
    hold_out: HoldOut,
    settings: RegistrySettings,
) -> RegistryPromotion:
    """Register the bundle's run as a version with the alias `candidate`.

    A bundle is registered once: of a second call only the alias's move remains.

    Args:
        bundle: the model.
        run_id: the run that holds it.
        measured: what let it in, see `judge`.
        hold_out: the applicants that it was not trained on.
        settings: the model's name, the metric and its bar.

    Raises:
        TrackingUnavailable: the registry does not answer.
    """
    name, metric = settings.model_name, settings.promote_on_metric
    with store_client() as client:
        known = read_standing(client, name).of_bundle(bundle.sha256)
        version = _version_number(known) or _new_version(
            client, bundle, run_id, _tags(bundle, measured, hold_out, settings), settings
        )
        client.set_registered_model_alias(name, CANDIDATE_ALIAS, version)
        now = put_in_order(client, name)
    value = measured.metrics[metric]
    return RegistryPromotion(
        model_name=name,
        decision="already registered" if known else "registered",
        reason=f"{metric} {value:.4f} reaches {settings.promote_min_value:g}",
        metric=metric,
        value=value,
        bar=settings.promote_min_value,
        bundle_sha256=bundle.sha256,
        run_id=run_id,
        version=version,
        alias=now.version(version).highest_alias,
    )


def has_metric(run_id: str, name: str) -> bool:
    """Whether a run holds a metric.

    Raises:
        TrackingUnavailable: the store does not answer.
    """
    with store_client() as client:
        return name in client.get_run(run_id).data.metrics


def data_snapshot_sha256(snapshot: TrainingSnapshot) -> str:
    """One hash for the raw files that a model was trained on: that of their checksums by name."""
    return sha256_of_json(snapshot.raw)


def _version_number(known: RegisteredVersion | None) -> str | None:
    return known.version if known else None


def _new_version(
    client: Any, bundle: Bundle, run_id: str, tags: Mapping[str, str], settings: RegistrySettings
) -> str:
    name = settings.model_name
    run = client.get_run(run_id)
    model_id = _model_id(client, run)
    if not client.search_registered_models(f"name = '{name}'"):
        client.create_registered_model(name, description=_MODEL_DESCRIPTION)
    commit = run.data.tags.get("git_commit", "unknown")
    version = client.create_model_version(
        name,
        source=f"models:/{model_id}",
        run_id=run_id,
        model_id=model_id,
        description=_description(bundle, tags),
        tags={**tags, "run_id": run_id, "git_commit": commit},
    )
    return str(version.version)


def _tags(
    bundle: Bundle, measured: MeasuredBundle, hold_out: HoldOut, settings: RegistrySettings
) -> dict[str, str]:
    manifest, metric = bundle.manifest, settings.promote_on_metric
    shown = (*HEADLINE_METRICS, metric)
    return {
        BUNDLE_TAG: bundle.sha256,
        "model_type": manifest.model_type,
        "data_snapshot_sha256": data_snapshot_sha256(manifest.snapshot),
        "feature_set_sha256": manifest.feature_set_sha256,
        HOLD_OUT_TAG: hold_out.model_dump_json(),
        "bar_metric": metric,
        "bar_value": f"{settings.promote_min_value:g}",
        **{
            f"{METRIC_TAG_PREFIX}{name}": f"{value:.10g}"
            for name, value in measured.metrics.items()
            if name in shown
        },
        EVIDENCE_TAG: "registered",
        STAGE_TAG: NOT_STAGED,
    }


def _model_id(client: Any, run: Any) -> str:
    """The id of the run's logged pipeline."""
    outputs = run.outputs.model_outputs if run.outputs else []
    for output in outputs:
        if client.get_logged_model(output.model_id).name == MODEL_NAME:
            return str(output.model_id)
    raise CandidateRefused(run.info.run_name, f"its run {run.info.run_id} holds no logged model")


def _description(bundle: Bundle, tags: Mapping[str, str]) -> str:
    manifest, metric = bundle.manifest, tags["bar_metric"]
    value = float(tags[f"{METRIC_TAG_PREFIX}{metric}"])
    return (
        f"{manifest.model_type} on {len(manifest.features)} features, "
        f"test {metric} {value:.4f} (bar {tags['bar_value']}), bundle {bundle.sha256[:12]}"
    )
