"""What a model was asked and answered in a stretch of time, as the decision ledger holds it."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from creditrisk.contracts.tables import APPLICANT_KEY
from creditrisk.ledger import StoredDecision
from creditrisk.ledger.decision_entries import content_sha256
from creditrisk.monitoring.production.errors import EmptyPull, InvalidWindow
from creditrisk.monitoring.production.pull import Pull
from creditrisk.monitoring.production.report import BrokenRule, NotMeasured, RuleLevel, Window
from creditrisk.monitoring.recorded_requests import RecordedEntry

if TYPE_CHECKING:
    import pyarrow as pa

    from creditrisk.models.encoding import ModelFeature

Row = Mapping[str, Any]
_LAST = re.compile(r"([1-9][0-9]{0,4})([hdw])")
_UNITS = {"h": "hours", "d": "days", "w": "weeks"}
_ROWS_A_PIECE = 2_000
_REQUESTS, _BATCHES = "requests", "batches"
_UNSTORED = "decisions without stored inputs (serve.store_inputs: false, or retired)"


class Decisions(Protocol):
    """What is asked of a ledger of decisions."""

    def window(self, since: datetime, until: datetime) -> Iterable[StoredDecision]:
        """Entries recorded from `since` on and before `until`."""
        ...


@dataclass(frozen=True, slots=True)
class Stretch:
    """From a moment up to another, in which decisions were recorded."""

    since: datetime
    until: datetime

    @classmethod
    def of(cls, since: str | None, until: str | None, last: str | None, now: datetime) -> Stretch:
        """The stretch that flags name: `--last 30d`, or `--since` with or without `--until`.

        Raises:
            InvalidWindow: they name none.
        """
        end = moment(until, "--until") if until else now
        if (since is None) == (last is None):
            raise InvalidWindow("--ledger", "one of --last and --since")
        begin = moment(since, "--since") if since else end - _length(last or "")
        if begin >= end:
            raise InvalidWindow(
                f"{begin.isoformat()} to {end.isoformat()}", "a begin before its end"
            )
        return cls(begin, end)

    @property
    def shown(self) -> str:
        """The stretch in words."""
        return f"decisions from {self.since.isoformat()} to {self.until.isoformat()}"


def moment(text: str, flag: str) -> datetime:
    """A moment in ISO 8601; one without a zone is UTC.

    Raises:
        InvalidWindow: it is none.
    """
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        required = "a date or time in ISO 8601, such as 2026-11-01"
        raise InvalidWindow(f"{flag} {text}", required) from None
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)


def known_moments(
    since: str | None, until: str | None
) -> tuple[datetime, datetime] | tuple[None, None]:
    """When a pull's applications came, where both flags say so.

    Raises:
        InvalidWindow: one of them alone, or the first is behind the last.
    """
    if since is None and until is None:
        return None, None
    if since is None or until is None:
        raise InvalidWindow("--current with one of --since and --until", "both or neither")
    first, last = moment(since, "--since"), moment(until, "--until")
    if first > last:
        raise InvalidWindow(f"{first.isoformat()} to {last.isoformat()}", "a begin before its end")
    return first, last


def ledger_pull(
    ledger: Decisions, stretch: Stretch, bundle_sha256: str, features: Sequence[ModelFeature]
) -> Pull:
    """The decisions that a model made in a stretch: their PDs, and what it read where it is kept.

    Raises:
        EmptyPull: it made none.
        LedgerError: the ledger cannot be read.
    """
    gathered = _Gathered(bundle_sha256, features)
    for entry in ledger.window(stretch.since, stretch.until):
        gathered.take(entry)
    if not gathered.scores:
        raise EmptyPull(f"The ledger ({stretch.shown})", gathered.emptiness())
    return gathered.pull(stretch)


@dataclass(slots=True)
class _Gathered:
    """Entries, taken one after another; rows become columns a piece at a time."""

    bundle_sha256: str
    features: Sequence[ModelFeature]
    scores: list[float] = field(default_factory=list)
    moments: list[datetime] = field(default_factory=list)
    passed_over: Counter[str] = field(default_factory=Counter)
    broken: Counter[tuple[str, str, RuleLevel]] = field(default_factory=Counter)
    requests: int = 0
    _rows: list[Row] = field(default_factory=list)
    _pieces: list[pa.Table] = field(default_factory=list)
    _digest: Any = field(default_factory=hashlib.sha256)

    def take(self, stored: StoredDecision) -> None:
        """Count an entry."""
        entry = RecordedEntry(stored)
        if entry.kind is None or entry.kind == "shadow":
            return
        self._digest.update(stored.sha256.encode())
        if stored.content is not None and content_sha256(stored.content) != stored.content_sha256:
            self.passed_over["entries whose content is not what was recorded"] += 1
        elif entry.content is None:
            self.passed_over["entries whose content was retired or cannot be read"] += 1
        elif entry.kind == "decision":
            self._take_decision(entry, entry.content)
        elif entry.kind == "refusal":
            self._take_refusal(entry.content)
        else:
            self._take_batch(entry.content)

    def _take_decision(self, entry: RecordedEntry, content: Mapping[str, Any]) -> None:
        self.requests += 1
        if entry.answer is None:
            self.passed_over["entries whose content was retired or cannot be read"] += 1
            return
        if _part(content, "model").get("bundle_sha256") != self.bundle_sha256:
            self.passed_over["decisions of other models"] += 1
            return
        self.scores.append(entry.answer[0])
        self.moments.append(datetime.fromisoformat(entry.stored.recorded_at))
        for warned in content.get("warnings") or ():
            self.broken[_REQUESTS, str(warned["rule"]), "warning"] += 1
        row = content.get("features") or content.get("inputs")
        if row is None:
            self.passed_over[_UNSTORED] += 1
            return
        self._rows.append({APPLICANT_KEY: content.get("sk_id_curr"), **row})
        if len(self._rows) == _ROWS_A_PIECE:
            self._to_columns()

    def _take_refusal(self, content: Mapping[str, Any]) -> None:
        self.requests += 1
        for violation in content.get("violations") or ():
            self.broken[_REQUESTS, str(violation["rule"]), "error"] += 1
        if unlisted := int(content.get("unlisted") or 0):
            self.broken[_REQUESTS, "requests.unlisted", "error"] += unlisted

    def _take_batch(self, content: Mapping[str, Any]) -> None:
        """A batch's rows are proven by one hash; what the ledger tells of them is their rejects."""
        rows = int(_part(content, "output").get("rows") or 0)
        self.passed_over["rows of batches, which lie in their own files (--current)"] += rows
        for rule, count in _part(content, "rejects_by_rule").items():
            self.broken[_BATCHES, str(rule), "error"] += int(count)

    def _to_columns(self) -> None:
        import pyarrow as pa

        columns = {
            feature.name: pa.array(
                [row.get(feature.name) for row in self._rows],
                pa.string() if feature.type == "category" else pa.float64(),
            )
            for feature in self.features
        }
        keys = pa.array([row[APPLICANT_KEY] for row in self._rows], pa.int64())
        columns[APPLICANT_KEY] = keys
        self._pieces.append(pa.table(columns))
        self._rows.clear()

    def emptiness(self) -> str:
        """Why nothing can be measured."""
        others = "; ".join(f"{count:,} {what}" for what, count in self.passed_over.items())
        return f"it holds no decision of model {self.bundle_sha256[:12]}" + (
            f" (but {others})" if others else ""
        )

    def pull(self, stretch: Stretch) -> Pull:
        """What was gathered."""
        import numpy as np
        import pyarrow as pa

        if self._rows or not self._pieces:
            self._to_columns()
        table = pa.concat_tables(self._pieces)
        unstored = {} if table.num_rows else {f.name: _UNSTORED for f in self.features}
        window = Window(
            kind="ledger",
            shown=stretch.shown,
            sha256=self._digest.hexdigest(),
            first_at=min(self.moments),
            last_at=max(self.moments),
            rows=len(self.scores),
            files={},
        )
        return Pull(
            window=window,
            table=table.select([]) if unstored else table,
            absent=unstored,
            scores=np.array(self.scores),
            broken_rules=self._broken_rules(),
            not_measured=tuple(
                NotMeasured(what=f"{count:,} {what}", why="the ledger tells no inputs of them")
                for what, count in sorted(self.passed_over.items())
            ),
        )

    def _broken_rules(self) -> tuple[BrokenRule, ...]:
        return tuple(
            BrokenRule(
                table=table,
                rule=rule,
                level=level,
                violations=count,
                rows=self.requests,
                description=f"counted in {table}, as the ledger recorded them",
            )
            for (table, rule, level), count in sorted(self.broken.items())
        )


def _length(last: str) -> timedelta:
    match = _LAST.fullmatch(last)
    if match is None:
        raise InvalidWindow(f"--last {last}", "a number with h, d or w, such as 30d")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def _part(content: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = content.get(name)
    return part if isinstance(part, dict) else {}
