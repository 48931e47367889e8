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


class MissingRetentionPolicy(Misuse):
    """Nobody said how long contents are kept."""

    def __init__(self) -> None:
        super().__init__(
            "Nothing retired: no policy says how long decisions are kept. Set "
            "serve.retention_days in params.yaml, or give --days."
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


class OlderSchema(LedgerError):
    """The database's tables were made by an earlier version."""

    def __init__(self, shown_url: str, seen: str | None, needed: str) -> None:
        super().__init__(
            f"Ledger in {shown_url} not opened: its tables are at revision {seen or 'none'}, "
            f"{needed} is required. Run creditrisk ledger migrate."
        )


class NewerSchema(LedgerError):
    """The database's tables were made by a later version."""

    def __init__(self, shown_url: str, seen: str, known: str) -> None:
        super().__init__(
            f"Ledger in {shown_url} not opened: its tables are at revision {seen}, this version "
            f"knows {known} and earlier. Use the version that made them, or a later one."
        )


class InvalidDecision(LedgerError):
    """What was to be recorded is no decision as the ledger takes it."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"Decision not recorded: {problem}.")


class InvalidDecisionId(LedgerError):
    """No decision can have this id. The message does not repeat what may be hostile text."""

    def __init__(self) -> None:
        super().__init__("No decision has such an id: it has 8 to 64 characters of 0-9 A-Z a-z _ -")


class UnknownDecision(LedgerError):
    """The ledger holds no decision of this id."""

    def __init__(self, decision_id: str) -> None:
        super().__init__(f"The ledger holds no decision {decision_id}.")


class DecisionConflict(LedgerError):
    """Another decision stands under the same id; nothing was recorded."""

    def __init__(self, decision_id: str) -> None:
        super().__init__(
            f"Decision {decision_id} not recorded: the ledger holds another under this id. "
            "Use a new id. Nothing was recorded."
        )


class DamagedDecision(LedgerError):
    """A stored decision is not what was recorded."""

    def __init__(self, sequence: int, problem: str) -> None:
        super().__init__(f"Decision at entry {sequence}: {problem}. Run creditrisk ledger verify.")


class LedgerBacklogged(LedgerError):
    """More waits to be recorded than may wait; nothing of this was recorded."""

    def __init__(self, waiting_bytes: int, most: int) -> None:
        super().__init__(
            f"Decision not recorded: {waiting_bytes:,} bytes wait for the ledger already, at most "
            f"{most:,} may. Nothing was recorded; come back later."
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


class DecisionInDoubt(LedgerError):
    """The database vanished while it committed: decisions may stand or not."""

    def __init__(self, shown_url: str, reason: str) -> None:
        super().__init__(
            f"Ledger in {shown_url} vanished while it recorded decisions: {reason}. They may "
            "stand or not; recording them again under the same ids is safe."
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
