"""Write what became of a delivery as Markdown, for the page of the run that carried it out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from creditrisk.pipelines.command import run

if TYPE_CHECKING:
    from creditrisk.reporting.delivery import DeliveryStep

Reports = Annotated[Path, typer.Option(help="Folder of the reports.")]
Out = Annotated[
    Path | None, typer.Option(help="File to add it to ($GITHUB_STEP_SUMMARY); else printed.")
]


def main(*, reports: Reports = Path("reports"), out: Out = None) -> None:
    """Write what became of a delivery; a step without a report is one that was not carried out."""
    from creditrisk.reporting.delivery import delivery_summary

    text = delivery_summary(_steps(reports))
    if out is None:
        typer.echo(text)
        return
    # The file belongs to the run and may hold what other steps said.
    with out.open("a", encoding="utf-8") as page:
        page.write(text)


def _steps(reports: Path) -> tuple[DeliveryStep, ...]:
    from creditrisk.deploy.report import DeploymentReport
    from creditrisk.mlops.registry import RegistryPromotion
    from creditrisk.monitoring.drift.report import DriftReport
    from creditrisk.monitoring.freshness.report import FreshnessReport
    from creditrisk.reporting.delivery import DeliveryStep, PushedImages
    from creditrisk.testing.canary import CanaryReport
    from creditrisk.testing.post_training import PostTrainingValidation
    from creditrisk.testing.promotion import RegistryTransition

    def registered(path: Path) -> str:
        report = RegistryPromotion.read(path)
        return f"{report.decision}: {report.reason}"

    return (
        DeliveryStep(
            "Validation",
            reports / "post_training_validation.json",
            "not validated",
            lambda path: PostTrainingValidation.read(path).headline(),
        ),
        DeliveryStep(
            "Drift",
            reports / "drift_report.json",
            "not measured",
            lambda path: DriftReport.read(path).headline(),
        ),
        DeliveryStep(
            "Freshness",
            reports / "data_freshness.json",
            "not measured",
            lambda path: FreshnessReport.read(path).sentences(),
        ),
        DeliveryStep(
            "Registration", reports / "registry_promotion.json", "not registered", registered
        ),
        DeliveryStep(
            "Canary",
            reports / "canary_report.json",
            "not compared",
            lambda path: CanaryReport.read(path).headline(),
        ),
        DeliveryStep(
            "Promotion",
            reports / "registry_transition.json",
            "not promoted",
            lambda path: RegistryTransition.read(path).headline(),
        ),
        DeliveryStep(
            "Images",
            reports / "images.json",
            "not pushed",
            lambda path: PushedImages.read(path).headline(),
        ),
        DeliveryStep(
            "Deployment",
            reports / "deployment.json",
            "not deployed",
            lambda path: DeploymentReport.read(path).headline(),
        ),
        DeliveryStep(
            "Recovery",
            reports / "recovery.json",
            "not asked for",
            lambda path: DeploymentReport.read(path).headline(),
        ),
    )


if __name__ == "__main__":
    run(main)
