"""Requests as the decision ledger holds them: its entries, gathered and reduced to figures."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import groupby
from typing import Any, cast, get_args

from creditrisk.ledger import StoredDecision
from creditrisk.mlops.inference import Kind, RequestSummary

_KINDS = frozenset(get_args(Kind))
_ANSWERED: tuple[Kind, ...] = ("decision", "shadow")


@dataclass(frozen=True)
class RecordedEntry:
    """An entry with its content, if that is still there and can be read."""

    stored: StoredDecision

    @property
    def kind(self) -> Kind | None:
        """Its kind; null for entries that the ledger makes for itself."""
        return cast("Kind", self.stored.kind) if self.stored.kind in _KINDS else None

    @cached_property
    def content(self) -> Mapping[str, Any] | None:
        """The content; null where it was retired or is no JSON object."""
        try:
            content = json.loads(self.stored.content or b"null")
        except ValueError:
            return None
        return content if isinstance(content, dict) else None

    @property
    def received_at(self) -> str | None:
        """When the request arrived."""
        text = _part(self.content, "origin").get("received_at")
        return text if isinstance(text, str) else None

    @property
    def answer(self) -> tuple[float, str] | None:
        """PD and decision of one applicant."""
        if self.kind not in _ANSWERED or self.content is None:
            return None
        probability, decision = self.content.get("probability"), self.content.get("decision")
        if isinstance(probability, float | int) and isinstance(decision, str):
            return float(probability), decision
        return None

    @property
    def is_unreadable(self) -> bool:
        """Whether there is a content, but none that this version knows."""
        if self.stored.content is None:
            return False
        return self.content is None or (self.kind in _ANSWERED and self.answer is None)

    @property
    def request(self) -> tuple[object, ...]:
        """The same for all entries of one request; callers may use a request id again."""
        alone = self.kind in {None, "batch"}
        return (
            self.kind,
            self.stored.request_id,
            self.stored.sequence if alone else self.received_at,
        )


def recorded_requests(
    entries: Iterable[StoredDecision],
) -> Iterator[tuple[RequestSummary | None, StoredDecision]]:
    """Each request in the order of the ledger, with the last of its entries.

    The entries that the ledger makes for itself give none in place of a request.
    """
    for _, group in groupby(map(RecordedEntry, entries), key=lambda entry: entry.request):
        gathered = list(group)
        kind = gathered[0].kind
        yield (_summary(kind, gathered) if kind else None), gathered[-1].stored


def _summary(kind: Kind, entries: Sequence[RecordedEntry]) -> RequestSummary:
    first, last = entries[0].stored, entries[-1].stored
    contents = [entry.content for entry in entries if entry.content is not None]
    answers = [entry.answer for entry in entries if entry.answer is not None]
    recorded_at = datetime.fromisoformat(last.recorded_at)
    return RequestSummary(
        kind=kind,
        request_id=first.request_id,
        first=first.sequence,
        last=last.sequence,
        sha256=last.sha256,
        recorded_at=recorded_at.timestamp(),
        entities=_entities(kind, entries),
        latency_ms=_latency_ms(kind, entries[0].received_at, recorded_at),
        probabilities=[probability for probability, _ in answers],
        decisions=Counter(decision for _, decision in answers),
        models=frozenset(model for content in contents if (model := _model(content))),
        refused_rules=[rule for content in contents for rule in _rules(content)],
        warnings=sum(len(content.get("warnings") or ()) for content in contents),
        retired=sum(entry.stored.content is None for entry in entries),
        unreadable=sum(entry.is_unreadable for entry in entries),
    )


def _entities(kind: Kind, entries: Sequence[RecordedEntry]) -> int:
    if kind == "batch":
        rows = _part(entries[0].content, "output").get("rows")
        return rows if isinstance(rows, int) else 0
    return len(entries) if kind in _ANSWERED else 0


def _latency_ms(kind: Kind, received_at: str | None, recorded_at: datetime) -> float | None:
    """From a request's arrival to its place in the ledger; nobody waits for shadows and batches."""
    if received_at is None or kind not in {"decision", "refusal"}:
        return None
    try:
        return max(0.0, (recorded_at - datetime.fromisoformat(received_at)).total_seconds() * 1e3)
    except (ValueError, TypeError):  # no time, or one without a zone
        return None


def _model(content: Mapping[str, Any]) -> tuple[str, str] | None:
    """Version and bundle; a bundle of no registry has no version."""
    model = _part(content, "model")
    sha256 = model.get("bundle_sha256")
    return (str(model.get("version") or "none"), sha256) if isinstance(sha256, str) else None


def _rules(content: Mapping[str, Any]) -> list[str]:
    violations = content.get("violations") or ()
    return [str(one["rule"]) for one in violations if isinstance(one, dict) and "rule" in one]


def _part(content: Mapping[str, Any] | None, name: str) -> Mapping[str, Any]:
    part = (content or {}).get(name)
    return part if isinstance(part, dict) else {}
