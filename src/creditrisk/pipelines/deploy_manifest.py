"""Describe the deployment of the champion: bundle, images, variables, smoke requests; else exit 1.

It also publishes the champion to where the API on this machine looks for it. It asks the registry, which DVC cannot see, so it runs every time.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from creditrisk.core.receipts import write_receipt
from creditrisk.core.settings import DEFAULT_PARAMS_PATH, load_settings
from creditrisk.pipelines.command import run

BundleFolder = Annotated[Path, typer.Option(help="The promoted model.")]
Root = Annotated[Path, typer.Option(help="Folder of the Dockerfiles and workflows.")]
Out = Annotated[Path, typer.Option(help="The manifest.")]
Served = Annotated[Path, typer.Option(help="Folder of the served models.")]
Receipt = Annotated[Path, typer.Option(help="Receipt that the next stage waits for.")]
BeforePromotion = Annotated[
    bool,
    typer.Option(
        "--before-promotion",
        help="Describe a version whose evidence allows its promotion, which deploy-ecs does last.",
    ),
]
Params = Annotated[Path, typer.Option(help="Settings.")]


def main(
    *,
    bundle: BundleFolder = Path("models/credit_risk_pd"),
    root: Root = Path(),
    out: Out = Path("reports/deploy_manifest.json"),
    served: Served = Path("models/served"),
    receipt: Receipt = Path("reports/receipts/deploy_manifest.txt"),
    before_promotion: BeforePromotion = False,
    params: Params = DEFAULT_PARAMS_PATH,
) -> None:
    """Describe the deployment of the champion and publish it; exit 1 where the bundle is not it."""
    from creditrisk.mlops.bundle import Bundle
    from creditrisk.mlops.deployment import describe_deployment
    from creditrisk.mlops.served import publish
    from creditrisk.mlops.versions import standing
    from creditrisk.scoring.scorer import Scorer

    settings = load_settings(params)
    # A bundle that is not promoted has no manifest, nor keeps one of an earlier champion.
    for path in (out, receipt):
        path.unlink(missing_ok=True)
    # The golden answers are promised only where they were just given.
    Scorer.load(bundle, settings.resources.usable_threads)
    sealed = Bundle.load(bundle)
    now = standing(settings.registry.model_name)
    manifest = describe_deployment(sealed, now, root, before_promotion=before_promotion)
    if not before_promotion:
        publish(sealed, now.holding(sealed), served, model_name=now.model_name)
    manifest.write(out)
    if not before_promotion:
        write_receipt(receipt, sealed.sha256)
    missing = f"; absent: {', '.join(manifest.absent)}" if manifest.absent else ""
    typer.echo(f"{out}: {manifest.model_name} {manifest.champion.image_tag}{missing}")


if __name__ == "__main__":
    run(main)
