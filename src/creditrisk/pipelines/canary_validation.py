"""Compare the candidate with the champion on applicants new to both; exit 1 where it falls behind.

It asks the registry, which DVC cannot see, so it runs every time.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from creditrisk.core.receipts import write_receipt
from creditrisk.core.settings import DEFAULT_PARAMS_PATH, load_settings
from creditrisk.pipelines.command import run

BundleFolder = Annotated[Path, typer.Option(help="The candidate.")]
TestSide = Annotated[Path, typer.Option(help="The test side of the present split.")]
Out = Annotated[Path, typer.Option(help="Report of the comparison.")]
Receipt = Annotated[Path, typer.Option(help="Receipt that the next stage waits for.")]
Params = Annotated[Path, typer.Option(help="Settings.")]


def main(
    *,
    bundle: BundleFolder = Path("models/credit_risk_pd"),
    test_side: TestSide = Path("data/splits/test.parquet"),
    out: Out = Path("reports/canary_report.json"),
    receipt: Receipt = Path("reports/receipts/canary_validation.txt"),
    params: Params = DEFAULT_PARAMS_PATH,
) -> None:
    """Compare the candidate with the champion on applicants new to both; exit 1 if it is worse."""
    from creditrisk.mlops.aliases import record_evidence
    from creditrisk.testing.canary import CanaryRefused, CanarySubject, refusal, run_canary

    settings = load_settings(params)
    # An interrupted run leaves no report of an earlier comparison.
    for path in (out, receipt):
        path.unlink(missing_ok=True)
    subject = CanarySubject(
        model_name=settings.registry.model_name,
        bundle=bundle,
        test_side=test_side,
        canary=settings.canary,
        policy=settings.policy,
        threads=settings.resources.usable_threads,
    )
    try:
        report = run_canary(subject)
        if report.decision == "passed" and report.candidate:
            record_evidence(
                report.model_name,
                report.candidate.version,
                "canary passed",
                bundle_sha256=report.candidate.bundle_sha256,
            )
    except Exception as error:
        refusal(subject, error).write(out)
        raise
    report.write(out)
    if not report.lets_through:
        raise CanaryRefused(report, out)
    write_receipt(receipt, report.bundle_sha256 or "")
    typer.echo(report.headline())


if __name__ == "__main__":
    run(main)
