"""Promote a validated model on a person's word; a check that failed stays failed.

For a model whose automatic promotion is switched off, that was rolled back, or that is the first
one where the rule leaves that to a person. The same evidence is required as of the pipeline.
"""

from __future__ import annotations

from typing import Annotated

import typer

from creditrisk.core.settings import DEFAULT_PARAMS_PATH, load_settings
from creditrisk.pipelines import auto_promote
from creditrisk.pipelines.auto_promote import (
    BundleFolder,
    Canary,
    Drift,
    Out,
    Params,
    Registration,
    Validation,
)
from creditrisk.pipelines.command import run

ApprovedBy = Annotated[str, typer.Option(help="Who decides; recorded in the ledger.")]
Reason = Annotated[str, typer.Option(help="Why; recorded in the ledger.")]


def main(
    *,
    approved_by: ApprovedBy,
    reason: Reason,
    bundle: BundleFolder = auto_promote.BUNDLE,
    validation: Validation = auto_promote.VALIDATION,
    registration: Registration = auto_promote.REGISTRATION,
    canary: Canary = auto_promote.CANARY,
    drift: Drift = auto_promote.DRIFT,
    out: Out = auto_promote.TRANSITION,
    params: Params = DEFAULT_PARAMS_PATH,
) -> None:
    """Promote a validated model on a person's word; exit 1 where evidence speaks against it."""
    from creditrisk.testing.promotion import Approval
    from creditrisk.testing.promotion_case import CasePaths

    approval = Approval(approved_by, reason)
    settings = load_settings(params)
    out.unlink(missing_ok=True)
    paths = CasePaths(bundle, validation, registration, canary, drift)
    transition = auto_promote.decided(
        paths, settings, out, approval=approval, automatic_allowed=True
    )
    typer.echo(transition.headline())


if __name__ == "__main__":
    run(main)
