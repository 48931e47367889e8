"""Contents are retired by policy: first the chain says which, then they are deleted in steps."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from creditrisk.core.report import Report
from creditrisk.ledger import decision_store
from creditrisk.ledger.decision_chain import DecisionChain, Draft
from creditrisk.ledger.decision_entries import RETENTION

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from creditrisk.ledger.database import LedgerDatabase

_ROWS_A_STEP = 500
_PAUSE_SECONDS = 0.01  # writers come first


class Retention(Report):
    """What one retention retired: contents of a stretch of entries, by which policy."""

    form: Literal["creditrisk retention 1"] = "creditrisk retention 1"
    days: int = Field(ge=1)
    recorded_before: str
    first_sequence: int = Field(ge=1)
    last_sequence: int = Field(ge=1)


@dataclass(frozen=True, slots=True)
class RetentionResult:
    """What a run of the policy did; `retention` is none where nothing was old enough."""

    retention: Retention | None
    retired: int


def retain(
    database: LedgerDatabase, chain: DecisionChain, days: int, now: datetime | None = None
) -> RetentionResult:
    """Retire contents recorded more than `days` days ago.

    The entry that names them is durable before the first is deleted. Killed between, the next run
    names what is left and goes on.
    """
    before = (now or datetime.now(UTC)) - timedelta(days=days)
    with database.reading() as connection:  # what comes meanwhile is too young
        retention = _due(connection, days, before.isoformat(timespec="microseconds"))
    if retention is None:
        return RetentionResult(None, 0)
    with database.writing() as connection:
        chain.lock(connection)
        head = chain.extend(connection, [_draft(retention)])
        decision_store.insert_retention(
            connection, head.sequence, retention.first_sequence, retention.last_sequence
        )
        connection.commit()
    chain.remember(head)
    return RetentionResult(retention, _delete(database, retention))


def retired_stretches(retentions: Iterable[tuple[int, Retention]]) -> list[tuple[int, int]]:
    """Which entries may lack their content, as disjoint stretches in order."""
    stretches: list[tuple[int, int]] = []
    for first, last in sorted(
        (retention.first_sequence, min(retention.last_sequence, sequence - 1))
        for sequence, retention in retentions
    ):
        if stretches and first <= stretches[-1][1] + 1:
            stretches[-1] = (stretches[-1][0], max(stretches[-1][1], last))
        else:
            stretches.append((first, last))
    return stretches


def _due(connection: Connection, days: int, before: str) -> Retention | None:
    """What the policy retires: from the oldest content on, up to the first that is too young."""
    last = decision_store.last_before(connection, before)
    first = decision_store.first_content(connection, RETENTION, last)
    if first is None:
        return None
    return Retention(days=days, recorded_before=before, first_sequence=first, last_sequence=last)


def _draft(retention: Retention) -> Draft:
    decision_id = f"retention-{secrets.token_hex(16)}"
    return Draft.of_content(RETENTION, decision_id, "", retention.model_dump_json().encode())


def _delete(database: LedgerDatabase, retention: Retention) -> int:
    retired = 0
    while True:
        with database.writing() as connection:
            if connection.dialect.name == "sqlite":
                # What is retired is overwritten, not only forgotten.
                connection.exec_driver_sql("pragma secure_delete = on")
            deleted = decision_store.delete_contents(
                connection,
                retention.first_sequence,
                retention.last_sequence,
                _ROWS_A_STEP,
                kept_kind=RETENTION,
            )
            connection.commit()
        retired += deleted
        if not deleted:
            return retired
        time.sleep(_PAUSE_SECONDS)
