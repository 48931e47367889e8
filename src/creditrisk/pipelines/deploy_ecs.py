"""Deploy the model to Amazon ECS, or put back what ran before: exit 1, and 3 where that is not known.

The order: one task outside the service, then the service, then the alias; see docs/deployment.md.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from creditrisk.core.errors import Misuse
from creditrisk.core.settings import DEFAULT_PARAMS_PATH, Settings, load_settings
from creditrisk.pipelines import auto_promote
from creditrisk.pipelines.auto_promote import (
    BundleFolder,
    Canary,
    Drift,
    Registration,
    Validation,
)
from creditrisk.pipelines.command import run

if TYPE_CHECKING:
    from creditrisk.deploy.report import DeploymentReport
    from creditrisk.deploy.rollout import Deployment, Order
    from creditrisk.testing.promotion import Approval
    from creditrisk.testing.promotion_case import CasePaths

Image = Annotated[str | None, typer.Option(help="Image of the API, as REPOSITORY@sha256:DIGEST.")]
Target = Annotated[
    Path | None, typer.Option(help="Where to deploy to; else CREDITRISK_ECS_TARGET holds the JSON.")
]
Manifest = Annotated[Path, typer.Option(help="What is deployed, and what it must answer.")]
Template = Annotated[Path, typer.Option(help="Template of the task definition.")]
Out = Annotated[Path, typer.Option(help="The report.")]
Transition = Annotated[Path, typer.Option(help="Report of the alias's move.")]
Recover = Annotated[
    bool, typer.Option("--recover", help="Only put back what a killed deployment left behind.")
]
IfConfigured = Annotated[
    bool, typer.Option("--if-configured", help="Exit 0, 'not deployed', where no target is named.")
]
Wait = Annotated[
    float | None,
    typer.Option(
        min=0, help="Seconds to wait for another deployment; --recover: until its lease ends."
    ),
]
ApprovedBy = Annotated[
    str | None, typer.Option(help="Who decides, where promotion is a person's; with --reason.")
]
Reason = Annotated[str | None, typer.Option(help="Why; recorded in the ledger.")]
Params = Annotated[Path, typer.Option(help="Settings.")]

REPORT = Path("reports/deployment.json")
_MARGIN_SECONDS = 30.0


class NoImage(Misuse):
    """It is not said which image to deploy."""

    def __init__(self) -> None:
        super().__init__("Nothing was deployed: --image names no image.")


def main(
    *,
    image: Image = None,
    target: Target = None,
    bundle: BundleFolder = auto_promote.BUNDLE,
    manifest: Manifest = Path("reports/deploy_manifest.json"),
    template: Template = Path("deploy/ecs/task-definition.json"),
    out: Out = REPORT,
    recover: Recover = False,
    if_configured: IfConfigured = False,
    wait: Wait = None,
    approved_by: ApprovedBy = None,
    reason: Reason = None,
    validation: Validation = auto_promote.VALIDATION,
    registration: Registration = auto_promote.REGISTRATION,
    canary: Canary = auto_promote.CANARY,
    drift: Drift = auto_promote.DRIFT,
    transition: Transition = auto_promote.TRANSITION,
    params: Params = DEFAULT_PARAMS_PATH,
) -> None:
    """Deploy the model to Amazon ECS, or put back what ran before; the report says which."""
    from creditrisk.core.process_lock import held
    from creditrisk.deploy.rollout import error_of
    from creditrisk.deploy.target import is_configured
    from creditrisk.testing.promotion_case import CasePaths

    with held(out.with_name(f".{out.name}.lock"), "Deployment"):
        out.unlink(missing_ok=True)
        if if_configured and target is None and not is_configured():
            report = _not_deployed()
        else:
            paths = CasePaths(bundle, validation, registration, canary, drift)
            approval = _approval(approved_by, reason)
            deployment = _deployment(target, load_settings(params), paths, approval, transition)
            if recover:
                report = deployment.recover(_patience(deployment) if wait is None else wait)
            else:
                order = _order(image, manifest, bundle, template)
                report = deployment.run(order, wait or 0.0)
        report.write(out)
    if (error := error_of(report)) is not None:
        raise error
    typer.echo(report.headline())


def _order(image: str | None, manifest: Path, bundle: Path, template: Path) -> Order:
    from creditrisk.deploy.rollout import Order
    from creditrisk.deploy.task_definition import require_digest
    from creditrisk.mlops.deployment import DeployManifest

    if not image:
        raise NoImage
    named = require_digest("--image", image)
    return Order(DeployManifest.read(manifest), bundle, named, template)


def _deployment(
    target: Path | None,
    settings: Settings,
    paths: CasePaths,
    approval: Approval | None,
    transition: Path,
) -> Deployment:
    from creditrisk.deploy.promotion import RegistryPromotion
    from creditrisk.deploy.rollout import Deployment
    from creditrisk.deploy.smoke import KEY_VARIABLE
    from creditrisk.deploy.target import EcsTarget

    is_allowed = approval is not None or settings.promotion.automatic

    def decide() -> str:
        decided = auto_promote.decided(
            paths,
            settings,
            transition,
            approval=approval,
            automatic_allowed=is_allowed,
        )
        return decided.headline()

    return Deployment(
        EcsTarget.load(target),
        RegistryPromotion(settings.registry.model_name, decide, is_allowed=is_allowed),
        os.environ.get(KEY_VARIABLE) or None,
    )


def _approval(approved_by: str | None, reason: str | None) -> Approval | None:
    from creditrisk.testing.promotion import Approval

    if approved_by is None and reason is None:
        return None
    return Approval(approved_by or "", reason or "")


def _patience(deployment: Deployment) -> float:
    """Until a dead owner's lease is surely over."""
    return deployment.target.waits.lease_seconds + _MARGIN_SECONDS


def _not_deployed() -> DeploymentReport:
    from datetime import UTC, datetime

    from creditrisk.deploy.report import DeploymentReport
    from creditrisk.deploy.target import TARGET_VARIABLE

    return DeploymentReport(
        outcome="not deployed",
        reason=f"{TARGET_VARIABLE} is not set",
        service=None,
        deployment=None,
        started_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


if __name__ == "__main__":
    run(main)
