"""What a decision is to the ledger: a content of bytes, and the entry that proves it.

The chain is that of `entries`: a decision's entry is one whose text names the decision, its
request and the hash of its content. So a content can be retired while its proof stays.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from dataclasses import dataclass, field
from json.encoder import encode_basestring_ascii as _quoted
from typing import Literal, get_args

from creditrisk.ledger.entries import Entry, check_kind
from creditrisk.ledger.errors import DamagedDecision, InvalidDecision, InvalidDecisionId

DecisionKind = Literal["decision", "refusal", "shadow", "batch"]
RETENTION = "retention"
MAX_CONTENT_BYTES = 256 << 20
_KINDS = frozenset(get_args(DecisionKind))
_DECISION_ID = re.compile(r"[0-9A-Za-z_-]{8,64}")
_REQUEST_ID = re.compile(r"[!-~]{0,128}")

# Level 1, a small window, little memory, no checksum besides the SHA-256: on contents of 4 KB four
# times as fast as zlib's own level 1 and as small, because most of its time goes into setting up.
_LEVEL, _WINDOW_BITS, _MEMORY_LEVEL = 1, -12, 5
_LEAST_TO_COMPRESS = 256
_PLAIN = "plain"
_DEFLATE = "deflate"


@dataclass(frozen=True, slots=True)
class NewDecision:
    """What is to be recorded: JSON in bytes, under an id that no other decision has.

    Raises:
        InvalidDecision: an id, the kind or the content is not what the ledger takes.
    """

    kind: DecisionKind
    decision_id: str
    request_id: str
    content: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if self.kind not in _KINDS:
            raise InvalidDecision(f"its kind must be one of {', '.join(sorted(_KINDS))}")
        if not _DECISION_ID.fullmatch(self.decision_id):
            raise InvalidDecision("its id must have 8 to 64 characters of 0-9 A-Z a-z _ -")
        if not _REQUEST_ID.fullmatch(self.request_id):
            raise InvalidDecision("its request's id must have at most 128 printable characters")
        _check_content(self.content)


@dataclass(frozen=True, slots=True)
class StoredDecision:
    """A decision as it stands in the ledger. Its content is none where it was retired."""

    sequence: int
    kind: str
    decision_id: str
    request_id: str
    recorded_at: str
    batch_end: int
    content_sha256: str
    previous_sha256: str
    sha256: str
    signature: str
    content: bytes | None = field(default=None, repr=False)

    @property
    def entry(self) -> Entry:
        """The entry that stands for it in the chain."""
        text = entry_text(self.kind, self.decision_id, self.request_id, self.content_sha256)
        return Entry(
            self.sequence,
            self.kind,
            self.recorded_at,
            self.batch_end,
            text,
            self.previous_sha256,
            self.sha256,
            self.signature,
        )

    @property
    def content_key(self) -> str:
        """What a second record under the same id must agree with."""
        return f"{self.kind} {self.content_sha256}"


def entry_text(kind: str, decision_id: str, request_id: str, content_sha256: str) -> str:
    """What the chain says of a decision."""
    check_kind(kind)
    # What `canonical_text` makes of these three, in a tenth of the time; a test compares the two.
    return (
        f'{{"content_sha256":{_quoted(content_sha256)},"decision_id":{_quoted(decision_id)},'
        f'"request_id":{_quoted(request_id)}}}'
    )


def content_sha256(content: bytes) -> str:
    """Hex SHA-256 of a content, before it is packed."""
    return hashlib.sha256(content).hexdigest()


def check_decision_id(decision_id: str) -> None:
    """Refuse what no decision's id can be, before it reaches a query or a path.

    Raises:
        InvalidDecisionId: it has other characters, or too few or too many.
    """
    if not _DECISION_ID.fullmatch(decision_id):
        raise InvalidDecisionId


def packed(content: bytes) -> tuple[str, bytes]:
    """A content as it is stored: its encoding and its bytes."""
    if len(content) < _LEAST_TO_COMPRESS:
        return _PLAIN, content
    compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, _WINDOW_BITS, _MEMORY_LEVEL)
    return _DEFLATE, compressor.compress(content) + compressor.flush()


def unpacked(sequence: int, encoding: object, data: object) -> bytes:
    """The content that was packed.

    Raises:
        DamagedDecision: what is stored is nothing that `packed` gives.
    """
    try:
        if encoding == _PLAIN:
            return bytes(memoryview(data))  # type: ignore[arg-type]
        if encoding == _DEFLATE:
            decompressor = zlib.decompressobj(_WINDOW_BITS)
            content = decompressor.decompress(data, MAX_CONTENT_BYTES)  # type: ignore[arg-type]
            if decompressor.eof:
                return content
    except (TypeError, zlib.error):
        pass
    raise DamagedDecision(sequence, "its content cannot be unpacked")


def _check_content(content: bytes) -> None:
    if not content.startswith(b"{") or not content.endswith(b"}") or b"\n" in content:
        raise InvalidDecision("its content must be one JSON object on one line")
    if len(content) > MAX_CONTENT_BYTES:
        raise InvalidDecision(f"its content has more than {MAX_CONTENT_BYTES:,} bytes")
