"""What an entry is, and the one way it is encoded, hashed and signed.

An entry's hash covers everything in it and the hash before it; the first one follows the hash of
the ledger's own id, so that no entry fits into another ledger. Hashed parts carry their lengths:
two different entries never encode alike.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from creditrisk.ledger.errors import InvalidEntry, UnreadableEntry
from creditrisk.ledger.keys import LedgerKey

_KIND = re.compile(r"[a-z][a-z0-9_-]{0,63}")
_LEDGER_FORM = "creditrisk ledger 1"
_ENTRY_FORM = "creditrisk ledger entry 1"
_HEAD_FORM = "creditrisk ledger head 1"


@dataclass(frozen=True, slots=True)
class Head:
    """Where a ledger ends. Its hash stands for every entry up to there."""

    ledger_id: str
    sequence: int
    sha256: str

    def signature(self, key: LedgerKey) -> str:
        """HMAC-SHA256 of the head in hex."""
        return key.sign(_encoded(_HEAD_FORM, self.ledger_id, self.sequence, self.sha256))


@dataclass(frozen=True, slots=True)
class Entry:
    """One recorded decision.

    `batch_end` is the sequence of the last entry of the same append: what a kill may have left
    unanchored is exactly one batch. `signature` signs the head that this entry made.
    """

    sequence: int
    kind: str
    recorded_at: str
    batch_end: int
    text: str
    previous_sha256: str
    sha256: str
    signature: str

    @property
    def content(self) -> dict[str, Any]:
        """What was recorded.

        Raises:
            UnreadableEntry: the stored text was changed into something that is no JSON object.
        """
        try:
            content = json.loads(self.text)
        except (TypeError, ValueError) as error:
            raise UnreadableEntry(self.sequence) from error
        if not isinstance(content, dict):
            raise UnreadableEntry(self.sequence)
        return content

    @property
    def computed_sha256(self) -> str:
        """The hash that this entry must have."""
        return _sha256(
            _ENTRY_FORM,
            self.sequence,
            self.kind,
            self.recorded_at,
            self.batch_end,
            self.text,
            self.previous_sha256,
        )

    def head(self, ledger_id: str) -> Head:
        """The head that this entry makes."""
        return Head(ledger_id, self.sequence, self.sha256)


def genesis(ledger_id: str) -> Head:
    """The head of a ledger before its first entry."""
    return Head(ledger_id, 0, _sha256(_LEDGER_FORM, ledger_id))


def check_kind(kind: str) -> None:
    """Refuse what is no plain word.

    Raises:
        InvalidEntry: it has other characters.
    """
    if not _KIND.fullmatch(kind):
        raise InvalidEntry(kind, "a kind is a word of lower-case letters, digits, - and _")


def canonical_text(kind: str, content: Mapping[str, Any]) -> str:
    """Content as ASCII JSON with sorted keys: same content, same text.

    Raises:
        InvalidEntry: the kind is no plain word, or JSON cannot hold the content (NaN, an object).
    """
    check_kind(kind)
    try:
        return json.dumps(dict(content), sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError) as error:
        # The error's own words could show a value.
        raise InvalidEntry(kind, f"JSON cannot hold it ({type(error).__name__})") from error


def sealed_entry(
    before: Head, kind: str, recorded_at: str, batch_end: int, text: str, *, key: LedgerKey
) -> Entry:
    """The entry that follows `before`, hashed and signed."""
    sequence = before.sequence + 1
    sha256 = _sha256(_ENTRY_FORM, sequence, kind, recorded_at, batch_end, text, before.sha256)
    signature = Head(before.ledger_id, sequence, sha256).signature(key)
    return Entry(sequence, kind, recorded_at, batch_end, text, before.sha256, sha256, signature)


def _encoded(*parts: str | int) -> bytes:
    return "".join([f"{len(text)}:{text}" for text in map(str, parts)]).encode()


def _sha256(*parts: str | int) -> str:
    return hashlib.sha256(_encoded(*parts)).hexdigest()
