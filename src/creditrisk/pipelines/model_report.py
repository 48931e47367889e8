"""Write the model risk report, one HTML file, and the model card.

Both are made of what other stages wrote. Evidence that is missing is shown as missing.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from creditrisk.core.errors import CreditRiskError
from creditrisk.core.files import write_text
from creditrisk.core.settings import DEFAULT_PARAMS_PATH, load_settings
from creditrisk.pipelines.command import run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from creditrisk.core.settings import PolicySettings
    from creditrisk.ledger import Entry
    from creditrisk.mlops.bundle import Bundle
    from creditrisk.reporting.model_risk.evidence import WorkedApplicant

Reports = Annotated[Path, typer.Option(help="Folder of the reports.")]
BundleFolder = Annotated[Path, typer.Option(help="The model.")]
ScorecardFolder = Annotated[Path, typer.Option(help="The second model; left out where absent.")]
TestSide = Annotated[Path, typer.Option(help="Applicants to work through.")]
Out = Annotated[Path, typer.Option(help="The report.")]
Card = Annotated[Path, typer.Option(help="The model card.")]
Params = Annotated[Path, typer.Option(help="Settings.")]


def main(
    *,
    reports: Reports = Path("reports"),
    bundle: BundleFolder = Path("models/credit_risk_pd"),
    scorecard: ScorecardFolder = Path("models/scorecard"),
    test_side: TestSide = Path("data/splits/test.parquet"),
    out: Out = Path("reports/model_risk_report.html"),
    card: Card = Path("docs/model_card.md"),
    params: Params = DEFAULT_PARAMS_PATH,
) -> None:
    """Write the model risk report, one HTML file, and the model card."""
    from creditrisk.mlops.bundle import Bundle
    from creditrisk.reporting.model_risk.card import model_card
    from creditrisk.reporting.model_risk.evidence import Evidence
    from creditrisk.reporting.model_risk.report import model_risk_report

    settings = load_settings(params)
    decisions, ledger_verdict = _ledger()
    evidence = Evidence(
        reports,
        Bundle.load(bundle),
        settings.policy,
        applicants=_applicants(test_side, bundle, settings.policy),
        decisions=decisions,
        ledger_verdict=ledger_verdict,
        scorecard=_optional(scorecard),
    )
    model_risk_report(evidence).write(out)
    write_text(card, model_card(evidence))
    missing = f"; not measured: {', '.join(sorted(evidence.problems))}" if evidence.problems else ""
    typer.echo(f"{out} and {card} written{missing}")


def _applicants(test_side: Path, bundle: Path, policy: PolicySettings) -> Sequence[WorkedApplicant]:
    from creditrisk.reporting.model_risk.applicants import typical_applicants
    from creditrisk.scoring.scorer import Scorer
    from creditrisk.testing.scored_split import read_split

    scorer = Scorer.load(bundle)
    features = [feature.name for feature in scorer.manifest.features]
    return tuple(typical_applicants(read_split(test_side, features), scorer, policy))


def _ledger() -> tuple[Sequence[Entry] | None, str]:
    """The ledger's decisions on models, and whether it is whole; nulls where there is none."""
    from creditrisk.ledger import Ledger
    from creditrisk.testing.promotion import KIND

    try:
        with Ledger.open(create=False) as ledger:
            verification = ledger.verify()
            found = "; ".join(map(str, verification.findings))
            verdict = f"whole, {verification.rows} entries" if not found else f"BROKEN: {found}"
            return tuple(ledger.entries(KIND)), verdict
    except CreditRiskError as error:
        return None, str(error)


def _optional(folder: Path) -> Bundle | None:
    from creditrisk.mlops.bundle import Bundle

    return Bundle.load(folder) if folder.is_dir() else None


if __name__ == "__main__":
    run(main)
