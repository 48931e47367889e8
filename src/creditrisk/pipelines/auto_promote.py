"""Promote the validated candidate to champion when all evidence allows it; else exit 1.

It asks the registry, which DVC cannot see, so it runs every time. The decision, refusals too, is
appended to the ledger before any alias moves.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from creditrisk.core.receipts import write_receipt
from creditrisk.core.settings import DEFAULT_PARAMS_PATH, load_settings
from creditrisk.pipelines.command import run

if TYPE_CHECKING:
    from creditrisk.core.settings import Settings
    from creditrisk.testing.promotion import Approval, RegistryTransition
    from creditrisk.testing.promotion_case import CasePaths

BundleFolder = Annotated[Path, typer.Option(help="The model.")]
Validation = Annotated[Path, typer.Option(help="Report of the validation.")]
Registration = Annotated[Path, typer.Option(help="Report of the registration.")]
Canary = Annotated[Path, typer.Option(help="Report of the comparison with the champion.")]
Drift = Annotated[Path, typer.Option(help="Report of the drift.")]
Out = Annotated[Path, typer.Option(help="Report of the decision.")]
Receipt = Annotated[Path, typer.Option(help="Receipt that the next stage waits for.")]
Params = Annotated[Path, typer.Option(help="Settings.")]

BUNDLE = Path("models/credit_risk_pd")
VALIDATION = Path("reports/post_training_validation.json")
REGISTRATION = Path("reports/registry_promotion.json")
CANARY = Path("reports/canary_report.json")
DRIFT = Path("reports/drift_report.json")
TRANSITION = Path("reports/registry_transition.json")
RECEIPT = Path("reports/receipts/register_model.txt")


def main(
    *,
    bundle: BundleFolder = BUNDLE,
    validation: Validation = VALIDATION,
    registration: Registration = REGISTRATION,
    canary: Canary = CANARY,
    drift: Drift = DRIFT,
    out: Out = TRANSITION,
    receipt: Receipt = RECEIPT,
    params: Params = DEFAULT_PARAMS_PATH,
) -> None:
    """Promote the validated candidate to champion when all evidence allows it; else exit 1."""
    from creditrisk.testing.promotion_case import CasePaths

    settings = load_settings(params)
    # An interrupted run leaves no report of an earlier decision.
    for path in (out, receipt):
        path.unlink(missing_ok=True)
    paths = CasePaths(bundle, validation, registration, canary, drift)
    transition = decided(
        paths, settings, out, approval=None, automatic_allowed=settings.promotion.automatic
    )
    write_receipt(receipt, transition.bundle_sha256 or "")
    typer.echo(transition.headline())


def decided(
    paths: CasePaths,
    settings: Settings,
    out: Path,
    *,
    approval: Approval | None,
    automatic_allowed: bool,
) -> RegistryTransition:
    """Decide and carry out; the report is written whatever happens.

    Raises:
        TransitionRefused: something speaks against it.
        CreditRiskError: it could not be decided, recorded or carried out.
    """
    from creditrisk.ledger import Ledger
    from creditrisk.monitoring.drift import DriftReport
    from creditrisk.testing.promotion import promote, unrecorded
    from creditrisk.testing.promotion_case import CaseSettings, read_case

    bars = CaseSettings(
        settings.registry, settings.canary, settings.policy, settings.validate_model
    )
    try:
        with Ledger.open() as ledger:
            case = read_case(paths, bars, DriftReport.read)
            transition = promote(case, ledger, approval, automatic_allowed=automatic_allowed)
    except Exception as error:
        unrecorded("promotion", settings.registry.model_name, error, approval).write(out)
        raise
    transition.write(out)
    transition.require_done(out)
    return transition


if __name__ == "__main__":
    run(main)
