"""Register the model as a candidate when its test metric clears the bar, a validated one as challenger.

It asks the registry, which DVC cannot see, so it runs every time. Whatever stands in the way, the
report says so and nothing is registered.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from creditrisk.core.errors import CreditRiskError
from creditrisk.core.receipts import write_receipt
from creditrisk.core.settings import DEFAULT_PARAMS_PATH, load_settings
from creditrisk.pipelines.command import run

if TYPE_CHECKING:
    from creditrisk.core.settings import Settings
    from creditrisk.mlops.bundle import Bundle
    from creditrisk.mlops.registry import RegistryPromotion

BundleFolder = Annotated[Path, typer.Option(help="The model.")]
MetricsFile = Annotated[Path, typer.Option(help="The model's test metrics.")]
Validation = Annotated[
    Path, typer.Option(help="Validation; where it passed, the version becomes the challenger.")
]
Splits = Annotated[Path, typer.Option(help="Folder of the split files that it was trained on.")]
Out = Annotated[Path, typer.Option(help="Report of the decision.")]
Receipt = Annotated[Path, typer.Option(help="Receipt that the next stage waits for.")]
Params = Annotated[Path, typer.Option(help="Settings.")]


def main(
    *,
    bundle: BundleFolder = Path("models/credit_risk_pd"),
    metrics: MetricsFile = Path("reports/test_metrics.json"),
    validation: Validation = Path("reports/post_training_validation.json"),
    splits: Splits = Path("data/splits"),
    out: Out = Path("reports/registry_promotion.json"),
    receipt: Receipt = Path("reports/receipts/register_candidate.txt"),
    params: Params = DEFAULT_PARAMS_PATH,
) -> None:
    """Register the model as a candidate when its test metric clears the bar; else exit 1."""
    from creditrisk.mlops.bundle import Bundle
    from creditrisk.mlops.registry import RegistryPromotion

    settings = load_settings(params)
    # An interrupted run leaves no report of an earlier registration.
    for path in (out, receipt):
        path.unlink(missing_ok=True)
    sealed: Bundle | None = None
    try:
        sealed = Bundle.load(bundle)
        promotion = _registered(sealed, metrics, splits, settings)
        promotion = _challenging(promotion, sealed, validation)
    except CreditRiskError as error:
        RegistryPromotion(
            model_name=settings.registry.model_name,
            decision="refused",
            reason=str(error),
            metric=settings.registry.promote_on_metric,
            bar=settings.registry.promote_min_value,
            bundle_sha256=sealed.sha256 if sealed else None,
        ).write(out)
        raise
    promotion.write(out)
    write_receipt(receipt, sealed.sha256)
    typer.echo(
        f"{promotion.model_name} version {promotion.version} ({promotion.alias}): "
        f"{promotion.decision}, {promotion.reason}"
    )


def _registered(
    bundle: Bundle, metrics: Path, splits: Path, settings: Settings
) -> RegistryPromotion:
    from creditrisk.mlops import registry, tracking
    from creditrisk.mlops.hold_out import prove_hold_out
    from creditrisk.testing.evaluation import PROMOTABLE_METRICS, EvaluationReport

    report = EvaluationReport.read(metrics)
    measured = registry.MeasuredBundle(report.split, report.bundle_sha256, report.scalars())
    registry.judge(measured, bundle, settings.registry, PROMOTABLE_METRICS)
    hold_out = prove_hold_out(bundle, splits, settings.split)
    run_id = tracking.ensure_run(bundle, settings.tracking.experiment)
    # A run that was made anew for a bundle from DVC's cache has not seen evaluate_test.
    if not registry.has_metric(run_id, f"test_{settings.registry.promote_on_metric}"):
        tracking.log_metrics(run_id, report.scalars(), "test")
    return registry.register(bundle, run_id, measured, hold_out, settings.registry)


def _challenging(promotion: RegistryPromotion, bundle: Bundle, path: Path) -> RegistryPromotion:
    """The registration, and the alias `challenger` where the bundle's validation passed."""
    from creditrisk.mlops.aliases import mark_challenger
    from creditrisk.testing.post_training import PostTrainingValidation

    if not path.exists():
        return promotion
    report = PostTrainingValidation.read(path)
    if (report.decision, report.bundle_sha256) != ("passed", bundle.sha256):
        return promotion
    version = promotion.version or ""
    now = mark_challenger(promotion.model_name, version, bundle_sha256=bundle.sha256)
    alias = now.version(version).highest_alias
    return promotion.model_copy(update={"alias": alias, "validated": True})


if __name__ == "__main__":
    run(main)
