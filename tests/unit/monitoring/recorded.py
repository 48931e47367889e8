"""Ledgers of decisions for tests: one in memory, one on disk, and what API and batch record."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from creditrisk.ledger import DecisionLedger, NewDecision, StoredDecision

KEY = "a secret of the tests, 32 bytes and more"
START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC).timestamp()
BUNDLE = "b" * 64
Kind = Literal["decision", "refusal", "shadow", "batch", "retention"]


def text_of(seconds: float) -> str:
    """So many seconds after noon, as the ledger writes times."""
    return datetime.fromtimestamp(START + seconds, UTC).isoformat(timespec="microseconds")


def decision(
    probability: float = 0.05, received: float = 0.0, decided: str = "approve", **changes: Any
) -> bytes:
    """What the API records of a decision, as far as figures are made of it."""
    content = {
        "kind": "decision",
        "origin": {"request_id": "any", "caller": "bank", "received_at": text_of(received)},
        "probability": probability,
        "decision": decided,
        "warnings": [],
        "model": {"version": "3", "bundle_sha256": BUNDLE},
    }
    return json.dumps({**content, **changes}).encode()


def refusal(received: float = 0.0, rules: Sequence[str] = ("features.unknown",)) -> bytes:
    """What the API records of a refused request."""
    origin = {"request_id": "any", "caller": "bank", "received_at": text_of(received)}
    violations = [{"rule": rule, "path": "/features/0"} for rule in rules]
    return json.dumps({"kind": "refusal", "origin": origin, "violations": violations}).encode()


@dataclass
class Recorded:
    """A ledger in memory that answers as the real one does."""

    entries: list[StoredDecision] = field(default_factory=list)

    def add(
        self, at: float, request_id: str, content: bytes | None, kind: Kind = "decision"
    ) -> None:
        """Record an entry so many seconds after noon."""
        previous = self.entries[-1].sha256 if self.entries else "0" * 64
        sequence = len(self.entries) + 1
        self.entries.append(
            StoredDecision(
                sequence=sequence,
                kind=kind,
                decision_id=f"decision-{sequence}",
                request_id=request_id,
                recorded_at=text_of(at),
                batch_end=sequence,
                content_sha256="c" * 64,
                previous_sha256=previous,
                sha256=hashlib.sha256(f"{previous}{sequence}".encode()).hexdigest(),
                signature="",
                content=content,
            )
        )

    def after(
        self, sequence: int, limit: int = 1_000, *, contents: bool = True
    ) -> list[StoredDecision]:
        """As `DecisionLedger.after`."""
        assert contents in {True, False}
        return self.entries[sequence : sequence + limit]


def opened(folder: Path) -> DecisionLedger:
    """The ledger on disk of that folder."""
    return DecisionLedger.open(f"sqlite:///{folder}/ledger.db", KEY, folder / "anchor.json")


def submit(ledger: DecisionLedger, requests: Sequence[int], prefix: str = "request") -> None:
    """Record requests of so many decisions each."""
    for number, count in enumerate(requests):
        name = f"{prefix}-{number}"
        ledger.append(
            [
                NewDecision("decision", f"{name}-record-{row}", name, decision(0.1 * (row + 1)))
                for row in range(count)
            ]
        )
