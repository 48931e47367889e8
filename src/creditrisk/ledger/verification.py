"""Whether a ledger is what was recorded, and if not, every place where it is not."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace

from creditrisk.ledger.anchor import Anchor
from creditrisk.ledger.entries import Entry, Head
from creditrisk.ledger.keys import KeyKind, LedgerKey

MISSING = "missing"
_CHANGED = "changed since it was recorded"
_UNCHAINED = "does not follow the entry before it"
_UNSIGNED = "not signed with this key"
_OUT_OF_PLACE = "stands where another entry belongs"
_MISTYPED = "holds values that no entry has"

# A database may hold anything once it has been tampered with; a sequence is its integer key.
_TEXTS = [field.name for field in fields(Entry) if field.type == "str"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with a stretch of entries, or, where `first` is None, with the whole."""

    first: int | None
    last: int | None
    problem: str

    def __str__(self) -> str:
        if self.first is None:
            return self.problem
        if self.first == self.last:
            return f"entry {self.first}: {self.problem}"
        return f"entries {self.first} to {self.last}: {self.problem}"


@dataclass(frozen=True, slots=True)
class Verification:
    """The verdict on a ledger.

    `unanchored` entries were recorded whole and signed by an append that was killed before it
    moved the anchor; the next append moves it. They are no finding.
    """

    shown_url: str
    rows: int
    head: Head
    key_kind: KeyKind
    unanchored: int
    findings: tuple[Finding, ...]

    @property
    def is_whole(self) -> bool:
        """Whether nothing was found."""
        return not self.findings


class Audit:
    """Walks entries in order from a trusted head and collects what is wrong with them."""

    def __init__(self, start: Head, key: LedgerKey) -> None:
        self.rows = 0
        self.head = start
        self._key = key
        self._findings: list[Finding] = []
        self._latest: dict[str, int] = {}  # problem -> index of its latest finding

    def walk(self, entries: Iterable[Entry]) -> None:
        """Check each entry against itself, its signature and the one before."""
        for entry in entries:
            self.rows += 1
            if not _is_well_typed(entry):
                self._find(entry.sequence, _MISTYPED)
                continue
            self._check_place(entry)
            self._check_content(entry)
            self.head = entry.head(self.head.ledger_id)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What was found so far."""
        return tuple(self._findings)

    def _check_place(self, entry: Entry) -> None:
        expected = self.head.sequence + 1
        if entry.sequence > expected:
            self._add(Finding(expected, entry.sequence - 1, MISSING))
        elif entry.sequence < expected:
            self._find(entry.sequence, _OUT_OF_PLACE)
        if entry.previous_sha256 != self.head.sha256:
            self._find(entry.sequence, _UNCHAINED)

    def _check_content(self, entry: Entry) -> None:
        if entry.sha256 != entry.computed_sha256:
            self._find(entry.sequence, _CHANGED)
        signature = entry.head(self.head.ledger_id).signature(self._key)
        if not hmac.compare_digest(signature.encode(), entry.signature.encode()):
            self._find(entry.sequence, _UNSIGNED)

    def _find(self, sequence: int, problem: str) -> None:
        """Add a finding; neighbours with the same problem are one."""
        index = self._latest.get(problem)
        if index is not None and self._findings[index].last == sequence - 1:
            self._findings[index] = replace(self._findings[index], last=sequence)
        else:
            self._add(Finding(sequence, sequence, problem))

    def _add(self, finding: Finding) -> None:
        self._latest[finding.problem] = len(self._findings)
        self._findings.append(finding)


def anchor_findings(anchor: Anchor, ledger_id: str, key: LedgerKey) -> list[Finding]:
    """What makes an anchor worthless for this ledger and key."""
    if anchor.ledger_id != ledger_id:
        return [_about_anchor("belongs to another ledger")]
    if anchor.key != key.fingerprint:
        problem = f"was signed with key {anchor.key}, this is key {key.fingerprint}"
        return [_about_anchor(problem)]
    if not anchor.is_signed_by(key):
        return [_about_anchor("was changed: its signature does not fit")]
    return []


def place_findings(anchor: Anchor, end: int, at: Head | None, after: Entry | None) -> list[Finding]:
    """What is wrong between a sound anchor and the database.

    An append commits its batch and then moves the anchor, so a kill leaves at most one batch
    behind the anchor, and leaves it whole.

    Args:
        anchor: a sound anchor of this ledger.
        end: sequence of the database's last entry.
        at: the head that the database has where the anchor is.
        after: the entry that follows it.
    """
    if anchor.sequence > end:
        return [Finding(end + 1, anchor.sequence, f"{MISSING}, the anchor stands after them")]
    if at != anchor.head:
        return [Finding(anchor.sequence, anchor.sequence, "is not the one that was anchored")]
    if after and after.batch_end != end:
        behind = f"is {end - anchor.sequence} entries behind, more than one killed append leaves"
        return [_about_anchor(f"{behind}: it is an older one, or entries were removed")]
    return []


def _about_anchor(problem: str) -> Finding:
    return Finding(None, None, f"the anchor {problem}")


def _is_well_typed(entry: Entry) -> bool:
    return type(entry.batch_end) is int and all(
        type(getattr(entry, name)) is str for name in _TEXTS
    )
