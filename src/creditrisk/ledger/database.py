"""Where the entries are kept: SQLite on one machine, PostgreSQL for many, by SQLAlchemy's URL."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DisconnectionError, NoSuchModuleError, SQLAlchemyError

from creditrisk.ledger.entries import Entry
from creditrisk.ledger.errors import InvalidLedgerAddress, LedgerUnavailable

SQLITE = "sqlite"
POSTGRESQL = "postgresql"
_WRITES = "creditrisk_writes"
_WAIT_SECONDS = 30
_ROWS_A_FETCH = 2_000
_LOCK_NOT_AVAILABLE = "55P03"  # PostgreSQL's lock_not_available

# A server whose host has vanished is noticed; libpq would wait for hours. A URL may say otherwise.
_PATIENCE = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
}

_METADATA = sa.MetaData()
IDENTITY = sa.Table(
    "ledger_identity",
    _METADATA,
    sa.Column("ledger_id", sa.Text, primary_key=True),
)
_ENTRIES = sa.Table(
    "ledger_entries",
    _METADATA,
    sa.Column(
        "sequence",
        sa.BigInteger().with_variant(sa.Integer, SQLITE),
        primary_key=True,
        autoincrement=False,
    ),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("recorded_at", sa.Text, nullable=False),
    sa.Column("batch_end", sa.BigInteger, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("previous_sha256", sa.Text, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("signature", sa.Text, nullable=False),
    sa.Index("ledger_entries_by_kind", "kind", "sequence"),
)


class LedgerDatabase:
    """The tables of a ledger behind a URL.

    A statement waits at most `wait_seconds` for what another process has locked.
    """

    def __init__(self, url: str, wait_seconds: float = _WAIT_SECONDS) -> None:
        try:
            parsed = sa.make_url(url)
            self.engine = _engine(parsed, wait_seconds)
        except (ArgumentError, NoSuchModuleError, ImportError) as error:
            raise InvalidLedgerAddress(f"its URL cannot be used ({_first_line(error)})") from error
        self.shown_url = parsed.render_as_string(hide_password=True)
        self.path = _file_of(parsed)
        self.errors = (SQLAlchemyError, self.engine.dialect.loaded_dbapi.Error, OSError)
        if self.path:
            sa.event.listen(self.engine, "connect", self._note_file)
            sa.event.listen(self.engine, "checkout", self._check_file)

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A connection that sees one state of the ledger.

        Raises:
            LedgerUnavailable: the database does not answer.
        """
        self.require_file()
        with self._told(), self.engine.connect() as connection:
            if self.engine.dialect.name == POSTGRESQL:
                connection.execution_options(isolation_level="REPEATABLE READ")
            yield connection

    @contextmanager
    def writing(self, *, create: bool = False) -> Iterator[sa.Connection]:
        """A connection that no other may write beside; the caller commits.

        Args:
            create: make a file where SQLite has none.

        Raises:
            LedgerUnavailable: the database does not answer, or takes no more rows.
        """
        if not create:
            self.require_file()
        elif self.path:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._told(), self.engine.connect() as connection:
            connection.execution_options(**{_WRITES: True})
            yield connection

    def holds_file(self) -> bool:
        """Whether there is anything to connect to; connecting to SQLite would make a file."""
        return not self.path or self.path.exists()

    def require_file(self) -> None:
        """Refuse to connect where that would make an empty database.

        Raises:
            LedgerUnavailable: there is no file.
        """
        if not self.holds_file():
            raise LedgerUnavailable(self.shown_url, "there is no such file")

    def writer(self) -> sa.Connection:
        """A connection to keep, that no other may write beside; SQLAlchemy's errors pass.

        Raises:
            LedgerUnavailable: the database's file is gone.
        """
        self.require_file()
        return self.engine.connect().execution_options(**{_WRITES: True})

    def discard(self, connection: sa.Connection) -> None:
        """Close a connection for good, whatever state it is in."""
        for close in (connection.invalidate, connection.close):
            with suppress(*self.errors):
                close()

    def file_identity(self) -> tuple[int, int] | None:
        """Which file lies at SQLite's path: one that was removed keeps taking rows for nobody."""
        if not self.path:
            return None
        try:
            status = self.path.stat()
        except OSError:
            return None
        return status.st_dev, status.st_ino

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    def _note_file(self, _connection: Any, record: Any) -> None:
        record.info["file"] = self.file_identity()

    def _check_file(self, _connection: Any, record: Any, _proxy: Any) -> None:
        """Let no pooled connection serve that was opened on a file which lies there no more."""
        if record.info["file"] != self.file_identity():
            raise DisconnectionError

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except self.errors as error:
            raise LedgerUnavailable(self.shown_url, reason_of(error)) from error


def stored_ledger_id(
    connection: sa.Connection, identity: sa.Table, *, lock: bool = False
) -> str | None:
    """Which ledger this is; with `lock`, PostgreSQL lets nobody else append until the commit."""
    query = sa.select(identity.c.ledger_id)
    return connection.scalar(query.with_for_update() if lock else query)


def insert(connection: sa.Connection, entries: Iterable[Entry]) -> None:
    """Add rows."""
    columns = [column.name for column in _ENTRIES.columns]
    rows = [{name: getattr(entry, name) for name in columns} for entry in entries]
    connection.execute(_ENTRIES.insert(), rows)


def last_entry(connection: sa.Connection, kind: str | None = None) -> Entry | None:
    """The entry with the highest sequence, of one kind or of all."""
    query = sa.select(_ENTRIES).order_by(_ENTRIES.c.sequence.desc()).limit(1)
    row = connection.execute(
        query if kind is None else query.where(_ENTRIES.c.kind == kind)
    ).first()
    return Entry(*row) if row else None


def entry_at(connection: sa.Connection, sequence: int) -> Entry | None:
    """One entry by its sequence."""
    row = connection.execute(sa.select(_ENTRIES).where(_ENTRIES.c.sequence == sequence)).first()
    return Entry(*row) if row else None


def stored_entries(
    connection: sa.Connection, kind: str | None = None, after: int = 0
) -> Iterator[Entry]:
    """Entries in order, as they are stored, a few thousand in memory at a time."""
    query = sa.select(_ENTRIES).order_by(_ENTRIES.c.sequence)
    if kind is not None:
        query = query.where(_ENTRIES.c.kind == kind)
    if after:
        query = query.where(_ENTRIES.c.sequence > after)
    with connection.execute(query, execution_options={"yield_per": _ROWS_A_FETCH}) as rows:
        for row in rows:
            yield Entry(*row)


def is_locked(error: Exception) -> bool:
    """Whether a statement gave up waiting for another process, so that trying again is no use."""
    original = getattr(error, "orig", None) or error
    if isinstance(original, sqlite3.OperationalError):
        return original.sqlite_errorcode & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
    return getattr(original, "sqlstate", None) == _LOCK_NOT_AVAILABLE


def reason_of(error: BaseException) -> str:
    """The driver's own words, without the statement and its parameters."""
    return _first_line(getattr(error, "orig", None) or error)


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0].rstrip(".")


def _engine(url: sa.URL, wait_seconds: float) -> sa.Engine:
    if url.get_backend_name() not in {SQLITE, POSTGRESQL}:
        raise InvalidLedgerAddress(f"its database is {url.get_backend_name()}")
    if url.get_backend_name() == POSTGRESQL:
        patience = {name: value for name, value in _PATIENCE.items() if name not in url.query}
        engine = sa.create_engine(
            url, hide_parameters=True, pool_pre_ping=True, connect_args=patience
        )
        prepare = partial(_prepare_postgresql, wait_seconds=wait_seconds)
        sa.event.listen(engine, "connect", prepare)
        return engine
    if not url.database or url.database == ":memory:":
        raise InvalidLedgerAddress("a database in memory keeps nothing")
    engine = sa.create_engine(url, hide_parameters=True, connect_args={"timeout": wait_seconds})
    sa.event.listen(engine, "connect", _prepare_sqlite)
    sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None  # the driver would begin where it likes
    # A damaged text is a finding; the driver's error would show it.
    connection.text_factory = lambda text: text.decode("utf-8", "replace")
    connection.execute("pragma journal_mode = wal")
    connection.execute("pragma synchronous = full")


def _prepare_postgresql(connection: Any, _record: Any, *, wait_seconds: float) -> None:
    """Wait for locks as long as told, and for the disk at each commit, whatever the role's habit."""
    milliseconds = str(int(wait_seconds * 1_000))
    with connection.cursor() as cursor:
        cursor.execute("select set_config('lock_timeout', %s, false)", (milliseconds,))
        cursor.execute(
            "select set_config('synchronous_commit', 'on', false) "
            "where current_setting('synchronous_commit') = 'off'"
        )
    connection.commit()


def _begin_sqlite(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.connection.cursor().execute("begin immediate" if writes else "begin")


def _file_of(url: sa.URL) -> Path | None:
    """A SQLite database's file, unless the URL has it opened in SQLite's own words."""
    if url.get_backend_name() != SQLITE or str(url.database).startswith("file:"):
        return None
    return Path(str(url.database))
