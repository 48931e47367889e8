"""The features of one application, or of some, by the same SQL files as for training.

DuckDB plans each file once; what changes with every request are the tables that the plans read.
Planning anew would take ten times as long as running.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from creditrisk.contracts.tables import APPLICANT_KEY, ColumnType, raw_tables, without_target
from creditrisk.core.errors import CreditRiskError, Misuse
from creditrisk.features.queries import FEATURE_TABLES, QUERIES_OF, prepare, query

if TYPE_CHECKING:
    import duckdb

Cell = int | float | str | None

_APPLICATION = "application"
_ARROW_TYPES: Mapping[ColumnType, pa.DataType] = MappingProxyType(
    {"integer": pa.int64(), "real": pa.float64(), "category": pa.string()}
)
# One thread is fastest for a few rows, and no request may fetch an extension or fill the disk.
# Left to itself DuckDB makes a distinct count a join, which costs more than it spares here.
_CONFIG: Mapping[str, Any] = MappingProxyType(
    {
        "threads": 1,
        "memory_limit": "2GB",
        "temp_directory": "",
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "disabled_optimizers": "distinct_aggregate_rewrite",
    }
)
# DuckDB 2.0 keeps a few kilobytes of each run that joins, some 13 of one applicant's features, until
# its connection is closed.
RUNS_OF_A_CONNECTION = 3_000
_SOURCE_OF = {name: table for table, names in QUERIES_OF.items() for name in names}


class FeaturesNotComputable(CreditRiskError):
    """The amounts of an application are beyond what the features can hold."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(
            f"No features: sql/{name}.sql met a number beyond what it can hold; sums and ratios of "
            "amounts must stay below 1e20."
        )


class WrongRequestTable(Misuse):
    """A raw table has not the columns that the plans were made for; DuckDB would misread it."""

    def __init__(self, name: str, seen: pa.Schema, required: pa.Schema) -> None:
        absent = set(required) - set(seen)
        shown = ", ".join(sorted(f"{field.name} as {field.type}" for field in absent))
        super().__init__(
            f"No features: table {name} must have the columns of request_schema in their order; "
            f"it lacks {shown or 'that order'}."
        )


class FeatureEngineFailed(CreditRiskError):
    """DuckDB failed for a reason that does not lie in the applications."""

    def __init__(self, name: str, message: str) -> None:
        self.name = name
        super().__init__(f"No features: sql/{name}.sql did not run ({message.splitlines()[0]}).")


def request_schema(table: str) -> pa.Schema:
    """The columns of a raw table as a request gives them: all but TARGET."""
    columns = without_target(raw_tables()[table]).columns
    return pa.schema([(column.name, _ARROW_TYPES[column.type]) for column in columns])


def _empty(table: str) -> pa.Table:
    # Arrow's own `empty_table` imports pandas wherever it is installed.
    return pa.Table.from_batches([], request_schema(table))


class RequestFeatures:
    """Computes features in process. One thread at a time may use it."""

    def __init__(self) -> None:
        self._tables = {name: _Given(_empty(name)) for name in raw_tables()}
        self._connection = self._connected()
        self._runs = 0
        self._builder = ThreadPoolExecutor(max_workers=1, thread_name_prefix="feature-plans")
        self._fresh: Future[duckdb.DuckDBPyConnection] | None = None
        self._names = {name: self._feature_names(name) for name in FEATURE_TABLES}

    def rows(self, tables: Mapping[str, pa.Table]) -> list[dict[str, Cell]]:
        """The feature rows of these applicants by name, in the order of the application rows.

        Args:
            tables: raw tables by name with the columns of `request_schema`, keys filled in; one
                that is left out is empty.

        Raises:
            FeaturesNotComputable: an amount is beyond what the features can hold.
            FeatureEngineFailed: DuckDB failed otherwise.
            WrongRequestTable: a table has other columns.
        """
        self._renew()
        with self._given(tables):
            parts = [self._part(name) for name in FEATURE_TABLES]
        ids = tables[_APPLICATION].column(APPLICANT_KEY).to_pylist()
        return [self._row(key, parts) for key in ids]

    def close(self) -> None:
        """Free what DuckDB holds."""
        self._builder.shutdown()
        if self._fresh is not None and self._fresh.exception() is None:
            self._fresh.result().close()
        self._connection.close()

    def _renew(self) -> None:
        """Change connections now and then; the next one is planned meanwhile, so no request waits."""
        self._runs += 1
        if self._fresh is None and self._runs >= RUNS_OF_A_CONNECTION:
            self._fresh = self._builder.submit(self._connected)
        if self._fresh is None or not self._fresh.done():
            return
        fresh, self._fresh, self._runs = self._fresh, None, 0
        if fresh.exception() is None:  # else the old one serves on
            self._connection.close()
            self._connection = fresh.result()

    def _connected(self) -> duckdb.DuckDBPyConnection:
        import duckdb

        connection = duckdb.connect(":memory:", config=dict(_CONFIG))
        prepare(connection)
        for name, given in self._tables.items():
            connection.register(f"given_{name}", given)
            connection.execute(f"create view raw.{name} as from given_{name}")
        for name in FEATURE_TABLES:
            connection.execute(f"prepare {name} as {query(name)}")
        _stop_optimising(connection)
        return connection

    def _feature_names(self, name: str) -> tuple[str, ...]:
        description = self._connection.execute(f"execute {name}").description
        return tuple(column[0] for column in description or ())[1:]

    @contextmanager
    def _given(self, tables: Mapping[str, pa.Table]) -> Iterator[None]:
        """Let the plans read these tables, and nothing of them afterwards."""
        try:
            for name, given in self._tables.items():
                given.take(tables.get(name, given.empty), name)
            yield
        finally:
            for given in self._tables.values():
                given.table = given.empty

    @contextmanager
    def _refusals(self, name: str) -> Iterator[None]:
        """Tell numbers that are too large from a failure of DuckDB, after which it starts anew."""
        import duckdb

        try:
            yield
        except duckdb.DataError as error:
            raise FeaturesNotComputable(name) from error
        except duckdb.Error as error:
            self._connection.close()
            self._connection = self._connected()
            raise FeatureEngineFailed(name, str(error)) from error

    def _part(self, name: str) -> _Part:
        """The rows that one file makes, by applicant."""
        names = self._names[name]
        if not self._tables[_SOURCE_OF[name]].table.num_rows:
            return _Part(names, {})  # nobody has a row of a table that is empty
        with self._refusals(name):
            rows = self._connection.execute(f"execute {name}").fetchall()
        return _Part(names, {row[0]: row[1:] for row in rows})

    def _row(self, key: int, parts: Sequence[_Part]) -> dict[str, Cell]:
        """What `feature_store.sql` joins: whoever has no row in a table has nulls."""
        row: dict[str, Cell] = {APPLICANT_KEY: key}
        for part in parts:
            row.update(zip(part.names, part.of.get(key, part.nulls), strict=True))
        return row


def _stop_optimising(connection: duckdb.DuckDBPyConnection) -> None:
    """The plans are made; DuckDB would look for a better way to start each of them, every time."""
    names = connection.execute("select name from duckdb_optimizers()").fetchall()
    connection.execute(f"set disabled_optimizers = '{','.join(name for (name,) in names)}'")


class _Part:
    """The rows that one SQL file makes, by applicant."""

    def __init__(self, names: tuple[str, ...], of: dict[int, tuple[Cell, ...]]) -> None:
        self.names = names
        self.of = of
        self.nulls: tuple[Cell, ...] = (None,) * len(names)


class _Given:
    """A raw table that DuckDB asks for anew each time a plan runs (Arrow's PyCapsule interface)."""

    def __init__(self, empty: pa.Table) -> None:
        self.empty = empty
        self.table = empty

    def take(self, table: pa.Table, name: str) -> None:
        """Show these rows from now on."""
        if not table.schema.equals(self.empty.schema):
            raise WrongRequestTable(name, table.schema, self.empty.schema)
        self.table = table

    def __arrow_c_schema__(self) -> object:
        return self.empty.schema.__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.table.__arrow_c_stream__(requested_schema)
