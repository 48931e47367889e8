"""The anchor: the ledger's signed head in a file outside the database, and whose turn it is."""

from __future__ import annotations

import fcntl
import hmac
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

from pydantic import Field

from creditrisk.core.report import Report
from creditrisk.ledger.entries import Head
from creditrisk.ledger.errors import LedgerBusy
from creditrisk.ledger.keys import KeyKind, LedgerKey

_POLL_SECONDS = 0.002


class Anchor(Report):
    """A head and its signature. `key` is the fingerprint of the key that signed."""

    form: Literal["creditrisk ledger anchor 1"] = "creditrisk ledger anchor 1"
    ledger_id: str
    sequence: int = Field(ge=0)
    sha256: str
    signature: str
    key: str
    key_kind: KeyKind

    @classmethod
    def of(cls, head: Head, key: LedgerKey) -> Self:
        """The anchor of a head."""
        return cls(
            ledger_id=head.ledger_id,
            sequence=head.sequence,
            sha256=head.sha256,
            signature=head.signature(key),
            key=key.fingerprint,
            key_kind=key.kind,
        )

    @property
    def head(self) -> Head:
        """The head that is anchored."""
        return Head(self.ledger_id, self.sequence, self.sha256)

    def is_signed_by(self, key: LedgerKey) -> bool:
        """Whether that key signed exactly this head."""
        expected = self.head.signature(key)
        return hmac.compare_digest(expected.encode(), self.signature.encode())


@dataclass(frozen=True, slots=True)
class AnchorFile:
    """Where the anchor lies. A write is prepared before the database commits.

    Preparing is what can fail (full disk, no permission); publishing is one rename.
    """

    path: Path

    def prepare(self, anchor: Anchor) -> None:
        """Write the next anchor to disk beside the present one."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._prepared.open("w", encoding="utf-8", newline="\n") as stream:
            stream.write(anchor.model_dump_json(indent=2) + "\n")
            stream.flush()
            os.fsync(stream.fileno())

    def publish(self) -> None:
        """Let the prepared anchor become the present one, also through a power cut."""
        self._prepared.replace(self.path)
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    @contextmanager
    def turn(self, wait_seconds: float, purpose: str = "append") -> Iterator[None]:
        """Hold one of the ledger's locks: from reading the head until the anchor is moved.

        Raises:
            LedgerBusy: it stayed taken for `wait_seconds`.
        """
        lock = self.path.with_name(f"{self.path.name}.{purpose}.lock")
        lock.parent.mkdir(parents=True, exist_ok=True)
        with lock.open("a") as stream:
            _wait_for(stream.fileno(), lock, wait_seconds)
            yield

    @property
    def _prepared(self) -> Path:
        return self.path.with_name(f"{self.path.name}.part")


def _wait_for(handle: int, lock: Path, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise LedgerBusy(lock, seconds) from None
            time.sleep(_POLL_SECONDS)
        else:
            return
