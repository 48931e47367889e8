"""Verify, show, export, retire and migrate what the ledgers of promotions and decisions hold."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from creditrisk.pipelines.command import run

if TYPE_CHECKING:
    from creditrisk.ledger import DecisionLedger, Entry, Ledger, Verification

KEY_MEANINGS = {
    "secret": "a secret of the environment",
    "demonstration": (
        "DEMONSTRATION KEY, it lies beside the anchor: whoever reads that folder can forge entries"
    ),
}

Action = Annotated[
    Literal["verify", "show", "export", "retain", "migrate"],
    typer.Argument(
        help="verify every entry of both ledgers; show promotions; export decisions as JSON lines; "
        "retain: delete contents of decisions that are older than the policy keeps; migrate the "
        "tables to this version."
    ),
]
Kind = Annotated[str | None, typer.Option(help="show: only entries of this kind.")]
Last = Annotated[int | None, typer.Option(min=1, help="show: only so many of the latest.")]
Out = Annotated[Path, typer.Option(help="export: file to write, compressed if it ends in .gz.")]
Days = Annotated[
    int | None, typer.Option(min=1, help="retain: days to keep; else serve.retention_days.")
]
Params = Annotated[Path, typer.Option(help="Settings.")]
Url = Annotated[str | None, typer.Option(help="Database; else CREDITRISK_LEDGER_URL.")]
AnchorFile = Annotated[Path | None, typer.Option(help="Anchor; else CREDITRISK_LEDGER_ANCHOR.")]


def main(
    action: Action,
    *,
    kind: Kind = None,
    last: Last = None,
    out: Out = Path("reports/decisions.jsonl.gz"),
    days: Days = None,
    params: Params = Path("params.yaml"),
    url: Url = None,
    anchor: AnchorFile = None,
) -> None:
    """Verify both ledgers (exit 1 where one is not whole), or do what the action says."""
    if action == "verify":
        _verify(url, anchor)
    elif action == "show":
        _show(url, anchor, kind, last)
    elif action == "export":
        _export(url, anchor, out)
    elif action == "retain":
        _retain(url, anchor, days, params)
    else:
        _migrate(url)


def _verify(url: str | None, anchor: Path | None) -> None:
    from creditrisk.ledger import DecisionLedger, Ledger
    from creditrisk.ledger.errors import MissingLedger
    from creditrisk.ledger.places import decisions_anchor, ledger_url, promotions_anchor

    verdicts = {
        "Promotions": _verification(Ledger, url, promotions_anchor(anchor)),
        "Decisions": _verification(DecisionLedger, url, decisions_anchor(anchor)),
    }
    if not any(verdicts.values()):
        raise MissingLedger(ledger_url(url), promotions_anchor(anchor))
    typer.echo("\n\n".join(_verdict(title, found) for title, found in verdicts.items()))
    if not all(found is None or found.is_whole for found in verdicts.values()):
        raise typer.Exit(1)


def _verification(
    kind: type[Ledger | DecisionLedger], url: str | None, anchor: Path
) -> Verification | None:
    """The verdict on one ledger; none where there is neither a ledger nor an anchor of one."""
    from creditrisk.ledger.errors import MissingLedger, OlderSchema

    try:
        with kind.open(url, anchor=anchor, create=False) as ledger:
            return ledger.verify()
    except (MissingLedger, OlderSchema):
        if anchor.exists():
            raise
        return None


def _export(url: str | None, anchor: Path | None, out: Path) -> None:
    from creditrisk.ledger import DecisionLedger
    from creditrisk.ledger.places import decisions_anchor

    with DecisionLedger.open(url, anchor=decisions_anchor(anchor), create=False) as ledger:
        lines = ledger.export(out)
    typer.echo(f"{lines:,} decisions written to {out}")


def _retain(url: str | None, anchor: Path | None, days: int | None, params: Path) -> None:
    from creditrisk.core.settings import load_settings
    from creditrisk.ledger import DecisionLedger
    from creditrisk.ledger.errors import MissingRetentionPolicy
    from creditrisk.ledger.places import decisions_anchor

    kept = days or load_settings(params).serve.retention_days
    if kept is None:
        raise MissingRetentionPolicy
    with DecisionLedger.open(url, anchor=decisions_anchor(anchor), create=False) as ledger:
        result = ledger.retain(kept)
    if result.retention is None:
        typer.echo(f"Nothing retired: no content is older than {kept} days")
    else:
        stretch = f"{result.retention.first_sequence} to {result.retention.last_sequence}"
        typer.echo(f"Contents retired: {result.retired:,} of entries {stretch}; proofs stay")


def _migrate(url: str | None) -> None:
    from creditrisk.ledger.database import LedgerDatabase
    from creditrisk.ledger.places import ledger_url
    from creditrisk.ledger.schema import migrate

    database = LedgerDatabase(ledger_url(url))
    before, after = migrate(database)
    database.close()
    typer.echo(
        f"{database.shown_url}: at revision {after}"
        + ("" if before == after else f", was at {before or 'none'}")
    )


def _verdict(title: str, verification: Verification | None) -> str:
    return title + "\n" + ("none recorded" if verification is None else _details(verification))


def _details(verification: Verification) -> str:
    head = verification.head
    lines = [
        f"Ledger   {verification.shown_url}",
        f"Entries  {verification.rows:,}",
        f"Head     {head.sequence} {head.sha256}",
        f"Key      {KEY_MEANINGS[verification.key_kind]}",
    ]
    if retired := getattr(verification, "retired", 0):
        lines.append(f"Retired  {retired:,} contents, their proofs stand")
    if verification.unanchored:
        lines.append(
            f"Anchor   {verification.unanchored} behind: recorded just now, or by a process that "
            "was killed"
        )
    if verification.is_whole:
        return "\n".join([*lines, "Verdict  whole"])
    places = [f"  {finding}" for finding in verification.findings]
    return "\n".join([*lines, "Verdict  BROKEN", *places])


def _show(url: str | None, anchor: Path | None, kind: str | None, last: int | None) -> None:
    from creditrisk.ledger import Ledger

    with Ledger.open(url, anchor=anchor, create=False) as ledger:
        entries = ledger.entries(kind)
        for entry in entries if last is None else deque(entries, maxlen=last):
            typer.echo(_shown(entry))


def _shown(entry: Entry) -> str:
    import yaml

    title = f"{entry.sequence}  {entry.recorded_at}  {entry.kind}  {entry.sha256[:12]}"
    content = yaml.safe_dump(entry.content, allow_unicode=True, sort_keys=False, width=96)
    return "\n".join([title, *(f"    {line}" for line in content.splitlines()), ""])


if __name__ == "__main__":
    run(main)
