"""Return to the champion before, on a person's word."""

from __future__ import annotations

import typer

from creditrisk.core.settings import DEFAULT_PARAMS_PATH, load_settings
from creditrisk.pipelines.auto_promote import TRANSITION, Out, Params
from creditrisk.pipelines.command import run
from creditrisk.pipelines.promote_model import ApprovedBy, Reason


def main(
    *,
    approved_by: ApprovedBy,
    reason: Reason,
    out: Out = TRANSITION,
    params: Params = DEFAULT_PARAMS_PATH,
) -> None:
    """Return to the champion before, on a person's word; exit 1 where there is none."""
    from creditrisk.ledger import Ledger
    from creditrisk.testing.promotion import Approval, roll_back, unrecorded

    approval = Approval(approved_by, reason)
    name = load_settings(params).registry.model_name
    out.unlink(missing_ok=True)
    try:
        with Ledger.open() as ledger:
            transition = roll_back(name, ledger, approval)
    except Exception as error:
        unrecorded("rollback", name, error, approval).write(out)
        raise
    transition.write(out)
    transition.require_done(out)
    typer.echo(transition.headline())


if __name__ == "__main__":
    run(main)
