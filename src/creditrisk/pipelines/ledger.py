"""Verify the ledger of decisions, or show its entries."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from creditrisk.pipelines.command import run

if TYPE_CHECKING:
    from creditrisk.ledger import Entry, Ledger, Verification

KEY_MEANINGS = {
    "secret": "a secret of the environment",
    "demonstration": (
        "DEMONSTRATION KEY, it lies beside the anchor: whoever reads that folder can forge entries"
    ),
}

Action = Annotated[
    Literal["verify", "show"], typer.Argument(help="verify every entry, or show entries.")
]
Kind = Annotated[str | None, typer.Option(help="show: only entries of this kind.")]
Last = Annotated[int | None, typer.Option(min=1, help="show: only so many of the latest.")]
Url = Annotated[str | None, typer.Option(help="Database; else CREDITRISK_LEDGER_URL.")]
AnchorFile = Annotated[Path | None, typer.Option(help="Anchor; else CREDITRISK_LEDGER_ANCHOR.")]


def main(
    action: Action,
    *,
    kind: Kind = None,
    last: Last = None,
    url: Url = None,
    anchor: AnchorFile = None,
) -> None:
    """Verify the ledger of decisions (exit 1 where it is not whole), or show its entries."""
    from creditrisk.ledger import Ledger

    with Ledger.open(url, anchor=anchor, create=False) as ledger:
        if action == "show":
            _show(ledger, kind, last)
        else:
            verification = ledger.verify()
            typer.echo(_verdict(verification))
            if not verification.is_whole:
                raise typer.Exit(1)


def _verdict(verification: Verification) -> str:
    head = verification.head
    lines = [
        f"Ledger   {verification.shown_url}",
        f"Entries  {verification.rows:,}",
        f"Head     {head.sequence} {head.sha256}",
        f"Key      {KEY_MEANINGS[verification.key_kind]}",
    ]
    if verification.unanchored:
        lines.append(
            f"Anchor   {verification.unanchored} behind: an append was killed after it had recorded"
        )
    if verification.is_whole:
        return "\n".join([*lines, "Verdict  whole"])
    places = [f"  {finding}" for finding in verification.findings]
    return "\n".join([*lines, "Verdict  BROKEN", *places])


def _show(ledger: Ledger, kind: str | None, last: int | None) -> None:
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
