"""The tables of the ledger of decisions, and what is asked of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from operator import attrgetter
from typing import Any

import sqlalchemy as sa

from creditrisk.ledger.database import SQLITE
from creditrisk.ledger.decision_entries import StoredDecision, unpacked
from creditrisk.ledger.errors import DamagedDecision

_METADATA = sa.MetaData()
_ROWS_A_FETCH = 1_000
_IDS_A_QUERY = 500


def _sequence() -> sa.Column[int]:
    kind = sa.BigInteger().with_variant(sa.Integer, SQLITE)
    return sa.Column("sequence", kind, primary_key=True, autoincrement=False)


IDENTITY = sa.Table(
    "decision_identity", _METADATA, sa.Column("ledger_id", sa.Text, primary_key=True)
)
DECISIONS = sa.Table(
    "decisions",
    _METADATA,
    _sequence(),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("decision_id", sa.Text, nullable=False),
    sa.Column("request_id", sa.Text, nullable=False),
    sa.Column("recorded_at", sa.Text, nullable=False),
    sa.Column("batch_end", sa.BigInteger, nullable=False),
    sa.Column("content_sha256", sa.Text, nullable=False),
    sa.Column("previous_sha256", sa.Text, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("signature", sa.Text, nullable=False),
    sa.Index("decisions_by_decision_id", "decision_id", unique=True),
    sa.Index("decisions_by_time", "recorded_at"),
)
CONTENTS = sa.Table(
    "decision_contents",
    _METADATA,
    _sequence(),
    sa.Column("encoding", sa.Text, nullable=False),
    sa.Column("data", sa.LargeBinary, nullable=False),
)
RETENTIONS = sa.Table(
    "decision_retentions",
    _METADATA,
    _sequence(),
    sa.Column("first_sequence", sa.BigInteger, nullable=False),
    sa.Column("last_sequence", sa.BigInteger, nullable=False),
)

_COLUMNS = tuple(column.name for column in DECISIONS.columns)
_AT = sa.select(DECISIONS).where(DECISIONS.c.sequence == sa.bindparam("at"))

# Each record runs these four by the driver itself: a statement through SQLAlchemy costs 80 us more.
_SELECT_IDENTITY = "select ledger_id from decision_identity"
_SELECT_LAST = """
select
    sequence, kind, decision_id, request_id, recorded_at,
    batch_end, content_sha256, previous_sha256, sha256, signature
from decisions
order by sequence desc
limit 1
"""
_INSERT_DECISION = """
insert into decisions (
    sequence, kind, decision_id, request_id, recorded_at,
    batch_end, content_sha256, previous_sha256, sha256, signature
)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_INSERT_CONTENT = "insert into decision_contents (sequence, encoding, data) values (?, ?, ?)"
_values = attrgetter(*_COLUMNS)

_WITH_CONTENTS = sa.select(DECISIONS, CONTENTS.c.encoding, CONTENTS.c.data).join_from(
    DECISIONS, CONTENTS, CONTENTS.c.sequence == DECISIONS.c.sequence, isouter=True
)


def insert(
    connection: sa.Connection,
    decisions: Sequence[StoredDecision],
    packed: Sequence[tuple[str, bytes]],
) -> None:
    """Add decisions and their packed contents."""
    contents = [
        (decision.sequence, *content) for decision, content in zip(decisions, packed, strict=True)
    ]
    cursor = _driver_cursor(connection)
    cursor.executemany(_driver_sql(connection, _INSERT_DECISION), [*map(_values, decisions)])
    cursor.executemany(_driver_sql(connection, _INSERT_CONTENT), contents)


def last(connection: sa.Connection) -> StoredDecision | None:
    """The decision with the highest sequence, without its content."""
    cursor = _driver_cursor(connection)
    row = cursor.execute(_SELECT_LAST).fetchone()
    return StoredDecision(*row) if row else None


def foreign_changes(connection: sa.Connection) -> int | None:
    """A number that changes with every commit of another connection; PostgreSQL has none."""
    if connection.dialect.name != SQLITE:
        return None
    row = _driver_cursor(connection).execute("pragma data_version").fetchone()
    return int(row[0])


def locked_ledger_id(connection: sa.Connection) -> str | None:
    """Which ledger this is; in PostgreSQL nobody else appends until the transaction ends."""
    lock = "" if connection.dialect.name == SQLITE else " for update"
    row = _driver_cursor(connection).execute(_SELECT_IDENTITY + lock).fetchone()
    return row[0] if row else None


def at(connection: sa.Connection, sequence: int) -> StoredDecision | None:
    """The decision of a sequence, without its content."""
    row = connection.execute(_AT, {"at": sequence}).first()
    return stored(row) if row else None


def by_id(connection: sa.Connection, decision_id: str) -> StoredDecision | None:
    """The decision of an id, with its content."""
    row = connection.execute(_WITH_CONTENTS.where(DECISIONS.c.decision_id == decision_id)).first()
    return stored(row) if row else None


def standing(connection: sa.Connection, decision_ids: Sequence[str]) -> dict[str, StoredDecision]:
    """Which of these ids are taken, and by what."""
    found = {}
    for start in range(0, len(decision_ids), _IDS_A_QUERY):
        wanted = decision_ids[start : start + _IDS_A_QUERY]
        query = sa.select(DECISIONS).where(DECISIONS.c.decision_id.in_(wanted))
        for row in connection.execute(query):
            found[row.decision_id] = stored(row)
    return found


def rows_after(
    connection: sa.Connection, sequence: int, limit: int | None = None, *, contents: bool = True
) -> Iterator[Sequence[Any]]:
    """Stored rows in order, a thousand in memory at a time."""
    query = _WITH_CONTENTS if contents else sa.select(DECISIONS)
    query = query.where(DECISIONS.c.sequence > sequence).order_by(DECISIONS.c.sequence)
    options = {"yield_per": min(limit or _ROWS_A_FETCH, _ROWS_A_FETCH)}
    with connection.execute(query.limit(limit), execution_options=options) as rows:
        yield from rows


def insert_retention(connection: sa.Connection, sequence: int, first: int, last: int) -> None:
    """Note where the retention of a stretch is proven, so that its contents may be deleted."""
    row = {"sequence": sequence, "first_sequence": first, "last_sequence": last}
    connection.execute(RETENTIONS.insert(), row)


def retention_decisions(connection: sa.Connection) -> Iterator[StoredDecision]:
    """The decisions that the table of retentions points to."""
    query = _WITH_CONTENTS.where(DECISIONS.c.sequence.in_(sa.select(RETENTIONS.c.sequence)))
    for row in connection.execute(query.order_by(DECISIONS.c.sequence)):
        with suppress(DamagedDecision):
            yield stored(row)


def last_before(connection: sa.Connection, recorded_at: str) -> int:
    """The last sequence before the first that was recorded then or later."""
    first_kept = sa.select(sa.func.min(DECISIONS.c.sequence)).where(
        DECISIONS.c.recorded_at >= recorded_at
    )
    kept = connection.scalar(first_kept)
    if kept is not None:
        return int(kept) - 1
    return connection.scalar(sa.select(sa.func.max(DECISIONS.c.sequence))) or 0


def first_content(connection: sa.Connection, kept_kind: str, last: int) -> int | None:
    """The first sequence up to `last` that has a content, of any kind but one."""
    query = (
        sa.select(CONTENTS.c.sequence)
        .join(DECISIONS, DECISIONS.c.sequence == CONTENTS.c.sequence)
        .where(CONTENTS.c.sequence <= last, DECISIONS.c.kind != kept_kind)
        .order_by(CONTENTS.c.sequence)
        .limit(1)
    )
    return connection.scalar(query)


def delete_contents(
    connection: sa.Connection, first: int, last: int, limit: int, *, kept_kind: str
) -> int:
    """Delete at most so many contents of a stretch; how many it were."""
    due = (
        sa.select(CONTENTS.c.sequence)
        .join(DECISIONS, DECISIONS.c.sequence == CONTENTS.c.sequence)
        .where(CONTENTS.c.sequence.between(first, last), DECISIONS.c.kind != kept_kind)
        .order_by(CONTENTS.c.sequence)
        .limit(limit)
    )
    return connection.execute(CONTENTS.delete().where(CONTENTS.c.sequence.in_(due))).rowcount


def strays(connection: sa.Connection, limit: int = 100) -> list[int]:
    """Contents that belong to no entry."""
    query = (
        sa.select(CONTENTS.c.sequence)
        .join(DECISIONS, DECISIONS.c.sequence == CONTENTS.c.sequence, isouter=True)
        .where(DECISIONS.c.sequence.is_(None))
        .order_by(CONTENTS.c.sequence)
        .limit(limit)
    )
    return list(connection.scalars(query))


def rows_between(
    connection: sa.Connection,
    since: str,
    until: str,
    after: tuple[str, int],
    limit: int,
    *,
    contents: bool,
) -> list[StoredDecision]:
    """Decisions of a time, in its order, from behind a moment and sequence on."""
    place = sa.tuple_(DECISIONS.c.recorded_at, DECISIONS.c.sequence)
    query = (_WITH_CONTENTS if contents else sa.select(DECISIONS)).where(
        DECISIONS.c.recorded_at >= max(since, after[0]),  # where the index is entered
        DECISIONS.c.recorded_at < until,
        place > sa.tuple_(*map(sa.literal, after)),
    )
    ordered = query.order_by(DECISIONS.c.recorded_at, DECISIONS.c.sequence)
    return [stored(row) for row in connection.execute(ordered.limit(limit))]


def stored(row: Sequence[Any]) -> StoredDecision:
    """A decision of a row, with the content that the row has beside it.

    Raises:
        DamagedDecision: the content cannot be unpacked.
    """
    columns, beside = row[: len(_COLUMNS)], row[len(_COLUMNS) :]
    retired = not beside or (beside[0] is None and beside[1] is None)
    content = None if retired else unpacked(row[0], *beside)
    return StoredDecision(*(*columns, content))


def _driver_cursor(connection: sa.Connection) -> Any:
    if not connection.in_transaction():
        connection.begin()
    return connection.connection.cursor()


def _driver_sql(connection: sa.Connection, text: str) -> str:
    return text if connection.dialect.name == SQLITE else text.replace("?", "%s")
