"""The errors of the ledger. Each says whether anything was recorded; none shows content."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from creditrisk.core.errors import CreditRiskError, Misuse


class LedgerError(CreditRiskError):
    """The ledger refused or failed."""


class InvalidLedgerKey(Misuse):
    """The signing key is missing where it is required, or too weak."""

    def __init__(self, problem: str) -> None:
        super().__init__(
            f"Ledger refused: {problem}. Nothing was recorded. Set CREDITRISK_LEDGER_KEY to a "
            "secret of at least 32 bytes, for example from: openssl rand -hex 32"
        )


class InvalidLedgerAddress(Misuse):
    """The database's URL cannot hold a ledger."""

    def __init__(self, problem: str) -> None:
        super().__init__(
            f"Ledger refused: {problem}. CREDITRISK_LEDGER_URL must be like "
            "sqlite:///ledger/ledger.db or postgresql+psycopg://user@host/database."
        )


class InvalidEntry(LedgerError):
    """What was to be recorded has no canonical form."""

    def __init__(self, kind: str, problem: str) -> None:
        super().__init__(f"Entry of kind '{kind}' not recorded: {problem}.")


class UnreadableEntry(LedgerError):
    """The content of a stored entry is no JSON object."""

    def __init__(self, sequence: int) -> None:
        super().__init__(
            f"Entry {sequence} cannot be read: its content is no JSON object, so it was changed "
            "after it was recorded. Run creditrisk ledger verify."
        )


class MissingLedger(LedgerError):
    """There is no ledger where one was to be read."""

    def __init__(self, shown_url: str, anchor: Path) -> None:
        seen = f"although {anchor} anchors one" if anchor.exists() else "and no anchor of one"
        super().__init__(
            f"No ledger in {shown_url}, {seen}. Check CREDITRISK_LEDGER_URL and "
            "CREDITRISK_LEDGER_ANCHOR."
        )


class LedgerUnavailable(LedgerError):
    """The database or the anchor's folder does not work; nothing was recorded."""

    def __init__(self, shown_url: str, reason: str) -> None:
        super().__init__(f"Ledger in {shown_url} cannot be used: {reason}. Nothing was recorded.")


class LedgerBusy(LedgerError):
    """Another process held the ledger for too long; nothing was recorded."""

    def __init__(self, lock: Path, seconds: float) -> None:
        super().__init__(
            f"Ledger not used: another process has held {lock} for {seconds:g} s. "
            "Nothing was recorded."
        )


class RecordInDoubt(LedgerError):
    """The database vanished while it committed: entries may stand or not."""

    def __init__(self, shown_url: str, first: int, last: int, reason: str) -> None:
        super().__init__(
            f"Ledger in {shown_url} vanished while it recorded entries {first} to {last}: {reason}. "
            "They may stand or not; run creditrisk ledger show once it answers."
        )


class AnchorBehind(LedgerError):
    """Entries stand in the database, but the anchor could not be moved to them."""

    def __init__(self, anchor: Path, first: int, last: int, reason: str) -> None:
        super().__init__(
            f"Entries {first} to {last} are recorded, but {anchor} could not be moved to them: "
            f"{reason}. The next entry moves it."
        )


class LedgerMoved(LedgerError):
    """Someone else recorded a decision of this kind since the caller looked."""

    def __init__(self, kind: str, expected: str, seen: str) -> None:
        self.expected = expected
        self.seen = seen
        super().__init__(
            f"Entry of kind '{kind}' not recorded: its last entry is {seen[:12]}, the decision was "
            f"made after {expected[:12]}. Another decision came first; decide again."
        )


class LedgerBroken(LedgerError):
    """The ledger is not what was recorded, so nothing is added to it."""

    def __init__(self, shown_url: str, findings: Sequence[str]) -> None:
        self.findings = tuple(findings)
        super().__init__(
            f"Ledger in {shown_url} takes no entry, it is not what was recorded:\n  "
            + "\n  ".join(findings)
            + "\nNothing was recorded. Run creditrisk ledger verify."
        )
