"""Compute a recorded decision anew and compare it to the last bit; exit 1 where it differs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from creditrisk.core.errors import CreditRiskError, MissingFile, Misuse
from creditrisk.pipelines.command import run

if TYPE_CHECKING:
    from creditrisk.ledger import DecisionLedger, StoredDecision
    from creditrisk.scoring.decision_record import DecisionRecord
    from creditrisk.scoring.replay import ReplayResult
    from creditrisk.scoring.scorer import Scorer

DecisionId = Annotated[str, typer.Argument(help="Id of a decision.")]
Inputs = Annotated[
    Path | None,
    typer.Option(help="JSON of the applicant's part of the request, where it was not stored."),
]
Json = Annotated[bool, typer.Option("--json", help="The same as JSON.")]
Served = Annotated[Path, typer.Option(help="Folder of the served models; it is the archive.")]
BundleFolder = Annotated[
    Path | None, typer.Option(help="The bundle, where it is in no archive and no registry.")
]
Url = Annotated[str | None, typer.Option(help="Database; else CREDITRISK_LEDGER_URL.")]
AnchorFile = Annotated[
    Path | None, typer.Option(help="Anchor; else beside CREDITRISK_LEDGER_ANCHOR.")
]

_BATCH = (
    "the ledger keeps a batch's files by their hashes, not their rows. Run creditrisk batch-predict "
    "on the same files with --batch-id and --no-ledger: the output must have the SHA-256 that "
    "creditrisk trace shows"
)


class NotReplayable(CreditRiskError):
    """The ledger holds no decision under this id that could be computed anew."""

    def __init__(self, decision_id: str, reason: str) -> None:
        super().__init__(f"{decision_id} not replayed: {reason}.")


class UnreadableInputs(Misuse):
    """The file is not one applicant's part of a request."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(
            f"{path} is not the applicant's part of a request: {problem}. Required is the JSON "
            "object that stood in the list 'applications' or 'features'."
        )


def main(
    decision_id: DecisionId,
    *,
    inputs: Inputs = None,
    as_json: Json = False,
    served: Served = Path("models/served"),
    bundle: BundleFolder = None,
    url: Url = None,
    anchor: AnchorFile = None,
) -> None:
    """Compute a recorded decision anew and compare it to the last bit."""
    from creditrisk.ledger import DecisionLedger
    from creditrisk.scoring.replay import replay

    handed_in = _applicant(inputs) if inputs else None
    with DecisionLedger.open(url, anchor=anchor, create=False) as ledger:
        record = _record(decision_id, _stored(ledger, decision_id))
    result = replay(record, _scorer(record, served, bundle), handed_in)
    typer.echo(result.model_dump_json(indent=2) if as_json else _told(decision_id, result))
    if result.verdict == "different":
        raise typer.Exit(1)


def _stored(ledger: DecisionLedger, decision_id: str) -> StoredDecision:
    from creditrisk.ledger.errors import UnknownDecision
    from creditrisk.scoring.batch.record import row_of

    try:
        return ledger.get(decision_id)
    except UnknownDecision:
        place = row_of(decision_id)
        if place is None:
            raise
    ledger.get(place[0])
    raise NotReplayable(decision_id, _BATCH)


def _record(decision_id: str, stored: StoredDecision) -> DecisionRecord:
    from creditrisk.scoring.decision_record import DecisionRecord

    if stored.content is None:
        raise NotReplayable(decision_id, "its content is not kept any more, only its hash")
    if stored.kind == "batch":
        raise NotReplayable(decision_id, _BATCH)
    if stored.kind != "decision":
        raise NotReplayable(decision_id, f"it is a {stored.kind}, no decision on an applicant")
    return DecisionRecord.parse(stored.content)


def _scorer(record: DecisionRecord, served: Path, bundle: Path | None) -> Scorer:
    """The model that decided, from the archive, else from the registry."""
    from creditrisk.mlops.served import recovered_bundle
    from creditrisk.scoring.scorer import Scorer

    model = record.model
    if bundle is None:
        bundle = recovered_bundle(served, model.bundle_sha256, model.model_name).folder
    return Scorer.load(bundle)


def _applicant(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise MissingFile(path, "replay", "Check --inputs.")
    try:
        content = json.loads(path.read_bytes())
    except ValueError as error:
        raise UnreadableInputs(path, str(error)) from error
    if not isinstance(content, dict):
        raise UnreadableInputs(path, f"it holds a {type(content).__name__}")
    return content


def _told(decision_id: str, result: ReplayResult) -> str:
    verdict = "identical to the last bit" if result.verdict == "identical" else result.verdict
    platform = "the same platform" if result.same_platform else "another platform"
    lines = [
        f"{decision_id}  {verdict}",
        f"  PD recorded  {result.recorded_probability!r}",
        f"  PD replayed  {result.replayed_probability!r}",
        f"  compared     {result.compared} facts, {len(result.differing)} differ",
        f"  inputs       {result.inputs}",
        f"  bundle       {result.bundle_sha256}",
        f"  computed on  {platform}: {result.replayed_on.processor}",
    ]
    if not result.same_platform:
        lines.append(f"  recorded on  {result.recorded_on.processor}")
    if result.changed_sql:
        lines.append(f"  other SQL    {', '.join(result.changed_sql)}")
    differing = [f"  {one.fact}: {one.recorded!r} -> {one.replayed!r}" for one in result.differing]
    return "\n".join([*lines, *differing])


if __name__ == "__main__":
    run(main)
