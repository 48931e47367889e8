"""Which revision of the ledgers' tables a database has, and how it is brought to the latest.

Alembic is imported only where tables are made or changed.
"""

from __future__ import annotations

import sqlalchemy as sa

from creditrisk.ledger.database import POSTGRESQL, LedgerDatabase
from creditrisk.ledger.errors import NewerSchema, OlderSchema

VERSION_TABLE = "ledger_schema"  # not Alembic's own name: other applications may share a database
PROMOTIONS = "0001"
DECISIONS = "0002"
OUTCOMES = "0003"
REVISIONS = (PROMOTIONS, DECISIONS, OUTCOMES)
_VERSION = sa.table(VERSION_TABLE, sa.column("version_num"))
_FIRST_TABLE = "ledger_identity"
_LOCK = 0x6372_6564_6974  # any number that nobody else of the database locks


def revision_of(connection: sa.Connection) -> str | None:
    """The revision of a database's tables; none where it holds none.

    A ledger made before there were migrations has the tables of the first.
    """
    inspector = sa.inspect(connection)
    if inspector.has_table(VERSION_TABLE):
        return str(connection.scalar(sa.select(_VERSION.c.version_num)))
    return PROMOTIONS if inspector.has_table(_FIRST_TABLE) else None


def require(connection: sa.Connection, needed: str, shown_url: str) -> None:
    """Refuse tables that this version cannot work with.

    Raises:
        OlderSchema: they lack what `needed` brought.
        NewerSchema: a later version of this software made them.
    """
    seen = _known_revision_of(connection, shown_url)
    if seen is None or seen < needed:
        raise OlderSchema(shown_url, seen, needed)


def upgrade(connection: sa.Connection, shown_url: str) -> tuple[str | None, str]:
    """Bring the tables to the latest revision in the caller's transaction, which commits.

    Of processes that do so at once, one works and the others find it done.

    Returns:
        The revisions before and after.

    Raises:
        NewerSchema: a later version of this software made the tables.
    """
    if connection.dialect.name == POSTGRESQL:
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
    seen = _known_revision_of(connection, shown_url)
    if seen == REVISIONS[-1]:
        return seen, seen
    from alembic import command
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", "creditrisk.ledger:migrations")
    config.set_main_option("path_separator", "os")
    if seen is not None and not sa.inspect(connection).has_table(VERSION_TABLE):
        command.stamp(config, PROMOTIONS)
    command.upgrade(config, "head")
    return seen, REVISIONS[-1]


def _known_revision_of(connection: sa.Connection, shown_url: str) -> str | None:
    seen = revision_of(connection)
    if seen is not None and seen not in REVISIONS:
        raise NewerSchema(shown_url, seen, REVISIONS[-1])
    return seen


def migrate(database: LedgerDatabase) -> tuple[str | None, str]:
    """Bring a database's tables to the latest revision.

    Returns:
        The revisions before and after.

    Raises:
        LedgerUnavailable: there is no database, or it cannot be changed; nothing was.
        NewerSchema: a later version of this software made the tables.
    """
    with database.writing() as connection:
        revisions = upgrade(connection, database.shown_url)
        connection.commit()
    return revisions
