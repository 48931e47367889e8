"""The tables of outcomes, and what is asked of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from creditrisk.ledger import decision_store
from creditrisk.ledger.database import POSTGRESQL, SQLITE
from creditrisk.ledger.decision_entries import StoredDecision
from creditrisk.ledger.decision_store import CONTENTS, DECISIONS

_METADATA = sa.MetaData()
_IDS_A_QUERY = 500
_ROWS_A_FETCH = 5_000
_LOADS_LOCK = 0x6F75_7463_6F6D  # any number that nobody else of the database locks

LOADS = sa.Table(
    "outcome_loads",
    _METADATA,
    sa.Column("load_id", sa.Text, primary_key=True),
    sa.Column("sequence", sa.BigInteger, nullable=False),
    sa.Column("content", sa.Text, nullable=False),
)
OUTCOMES = sa.Table(
    "outcomes",
    _METADATA,
    sa.Column(
        "decision_id",
        sa.Text().with_variant(sa.Text(collation="C"), POSTGRESQL),
        primary_key=True,
    ),
    sa.Column("load_id", sa.Text, nullable=False),
    sa.Column("sequence", sa.BigInteger, nullable=False),
    sa.Column("target", sa.SmallInteger, nullable=False),
    sa.Column("matured_on", sa.Text, nullable=False),
    sa.Column("decided_at", sa.Text, nullable=False),
    sa.Column("bundle_sha256", sa.Text, nullable=False),
    sa.Column("probability", sa.Double, nullable=False),
    sa.Column("decision", sa.Text, nullable=False),
    sa.Column("grade", sa.Text, nullable=False),
    sqlite_with_rowid=False,
)

_NAMES = ", ".join(column.name for column in OUTCOMES.columns)
_STAGED = "temp.staged_outcomes"
_STAGE = (
    f"drop table if exists {_STAGED}",
    f"create temp table staged_outcomes ({_NAMES})",
    "begin",
)
_STAGE_ROW = f"insert into {_STAGED} values ({', '.join('?' * len(OUTCOMES.columns))})"  # noqa: S608
_INSERT_STAGED = f"insert into outcomes ({_NAMES}) select {_NAMES} from {_STAGED}"  # noqa: S608
_COPY = f"copy outcomes ({_NAMES}) from stdin"


class StoredOutcome(NamedTuple):
    """What became of one applicant, beside what had been answered.

    `sequence` is the ledger's entry of the decision, or of the batch that it is a row of. Dates
    and times are ISO 8601, `decided_at` in UTC.
    """

    decision_id: str
    load_id: str
    sequence: int
    target: int
    matured_on: str
    decided_at: str
    bundle_sha256: str
    probability: float
    decision: str
    grade: str


class StoredLoad(NamedTuple):
    """A load: its entry in the chain of decisions, and what it says of itself."""

    load_id: str
    sequence: int
    content: str


class RowsHash:
    """The SHA-256 of outcomes in the order of their ids, without the id of their load."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()

    def add(self, row: StoredOutcome) -> None:
        """Take the next row."""
        self._digest.update(repr((row.decision_id, *row[2:])).encode())

    def hexdigest(self) -> str:
        """The hash of what was added."""
        return self._digest.hexdigest()


def lock_loads(connection: sa.Connection) -> None:
    """Let no other load begin until the transaction ends; SQLite has one writer anyway."""
    if connection.dialect.name == POSTGRESQL:
        connection.execute(sa.text("set local lock_timeout = '120s'"))
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOADS_LOCK)))


def stage(connection: sa.Connection, rows: Sequence[StoredOutcome]) -> None:
    """Bring rows to SQLite before anything is locked; PostgreSQL locks nothing that others need."""
    if connection.dialect.name != SQLITE:
        return
    cursor: Any = connection.connection.cursor()
    for statement in _STAGE:
        cursor.execute(statement)
    cursor.executemany(_STAGE_ROW, rows)
    cursor.execute("commit")


def insert(connection: sa.Connection, rows: Sequence[StoredOutcome]) -> None:
    """Add the outcomes that were staged, in the transaction that has begun."""
    cursor: Any = connection.connection.cursor()
    if connection.dialect.name == SQLITE:
        cursor.execute(_INSERT_STAGED)
        return
    with cursor.copy(_COPY) as copy:
        for row in rows:
            copy.write_row(row)


def insert_load(connection: sa.Connection, load: StoredLoad) -> None:
    """Add a load."""
    connection.execute(LOADS.insert(), load._asdict())


def last_load(connection: sa.Connection) -> int:
    """The entry of the latest load, 0 where there is none."""
    return connection.scalar(sa.select(sa.func.max(LOADS.c.sequence))) or 0


def loads(connection: sa.Connection) -> list[StoredLoad]:
    """All loads in their order."""
    return [StoredLoad(*row) for row in connection.execute(LOADS.select().order_by("sequence"))]


def labels(connection: sa.Connection, decision_ids: Sequence[str]) -> dict[str, int]:
    """The outcomes that stand for these decisions."""
    found: dict[str, int] = {}
    for wanted in _parts(decision_ids):
        query = sa.select(OUTCOMES.c.decision_id, OUTCOMES.c.target)
        found.update(tuple(row) for row in connection.execute(_of(query, OUTCOMES, wanted)))
    return found


def rows(connection: sa.Connection) -> Iterator[StoredOutcome]:
    """All outcomes in the order of their ids, a few thousand in memory."""
    query = sa.select(OUTCOMES).order_by(OUTCOMES.c.decision_id)
    with connection.execute(query, execution_options={"yield_per": _ROWS_A_FETCH}) as found:
        for row in found:
            yield StoredOutcome(*row)


def decisions_of(
    connection: sa.Connection, decision_ids: Sequence[str]
) -> Iterator[StoredDecision]:
    """The entries of these ids, with their contents."""
    joined = sa.select(DECISIONS, CONTENTS.c.encoding, CONTENTS.c.data).join_from(
        DECISIONS, CONTENTS, CONTENTS.c.sequence == DECISIONS.c.sequence, isouter=True
    )
    for wanted in _parts(decision_ids):
        for row in connection.execute(_of(joined, DECISIONS, wanted)):
            yield decision_store.stored(row)


def page_with_decisions(
    connection: sa.Connection, after: str, as_of: str, limit: int
) -> list[tuple[StoredOutcome, StoredDecision | None]]:
    """Outcomes behind an id that had matured by a day, with the decisions that have such an id.

    The rows of a batch have none: their entry is the batch's.
    """
    width = len(OUTCOMES.columns)
    query = (
        sa.select(OUTCOMES, DECISIONS, CONTENTS.c.encoding, CONTENTS.c.data)
        .join_from(
            OUTCOMES, DECISIONS, DECISIONS.c.decision_id == OUTCOMES.c.decision_id, isouter=True
        )
        .join(CONTENTS, CONTENTS.c.sequence == DECISIONS.c.sequence, isouter=True)
        .where(OUTCOMES.c.decision_id > after, OUTCOMES.c.matured_on <= as_of)
        .order_by(OUTCOMES.c.decision_id)
        .limit(limit)
    )
    return [
        (
            StoredOutcome(*row[:width]),
            None if row[width] is None else decision_store.stored(row[width:]),
        )
        for row in connection.execute(query)
    ]


def _of(query: sa.Select[Any], table: sa.Table, decision_ids: Sequence[str]) -> sa.Select[Any]:
    return query.where(table.c.decision_id.in_(decision_ids))


def _parts(decision_ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(decision_ids), _IDS_A_QUERY):
        yield decision_ids[start : start + _IDS_A_QUERY]
