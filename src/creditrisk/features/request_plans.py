"""Plans of feature SQL files over tables that change with every request.

DuckDB plans each file once; planning anew would take ten times as long as running.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from creditrisk.contracts.tables import ColumnType, raw_tables, without_target
from creditrisk.core.errors import CreditRiskError, Misuse
from creditrisk.features.queries import QUERIES_OF, prepare, query

if TYPE_CHECKING:
    import duckdb

Cell = int | float | str | None

_ARROW_TYPES: Mapping[ColumnType, pa.DataType] = MappingProxyType(
    {"integer": pa.int64(), "real": pa.float64(), "category": pa.string()}
)
# One thread is fastest for a few rows, and no request may fetch an extension or fill the disk.
# Left to itself DuckDB makes a distinct count a join, which costs more than it spares here.
_CONFIG: Mapping[str, Any] = MappingProxyType(
    {
        "threads": 1,
        "memory_limit": "1GB",
        "temp_directory": "",
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "disabled_optimizers": "distinct_aggregate_rewrite",
    }
)
# DuckDB 2.0 keeps a few kilobytes of each run that joins, some 13 of one applicant's features, until
# its connection is closed.
RUNS_OF_A_CONNECTION = 3_000


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


class Part:
    """The rows that one SQL file makes, by applicant; `names` are its features."""

    def __init__(self, names: tuple[str, ...], rows: Sequence[tuple[Any, ...]]) -> None:
        self.names = names
        self._nulls: tuple[Cell, ...] = (None,) * len(names)
        self._of: dict[int, tuple[Cell, ...]] = {row[0]: row[1:] for row in rows}

    def of(self, applicant: int) -> Iterator[tuple[str, Cell]]:
        """The features of one applicant, nulls where no row is theirs."""
        return zip(self.names, self._of.get(applicant, self._nulls), strict=True)


class Plans:
    """The files that run over some raw tables, and no other. One thread at a time may use it."""

    def __init__(self, tables: Sequence[str]) -> None:
        self._sources = {name: _Source(name) for name in tables}
        self._files = {file: name for name in tables for file in QUERIES_OF[name]}
        self._session = _Session(self._sources, self._files)
        self._runs = 0
        self._builder = ThreadPoolExecutor(max_workers=1, thread_name_prefix="feature-plans")
        self._fresh: Future[_Session] | None = None
        self._names = {file: self._session.feature_names(file) for file in self._files}

    def parts(self, tables: Mapping[str, pa.Table]) -> list[Part]:
        """What each file makes of these tables, those of other plans left alone.

        Raises:
            FeaturesNotComputable: an amount is beyond what the features can hold.
            FeatureEngineFailed: DuckDB failed otherwise.
            WrongRequestTable: a table has other columns.
        """
        self._renew()
        with self._shown(tables):
            return [self._part(file) for file in self._files]

    def have_rows(self, tables: Mapping[str, pa.Table]) -> bool:
        """Whether there is anything to compute."""
        return any(name in tables and tables[name].num_rows for name in self._sources)

    def close(self) -> None:
        """Free what DuckDB holds."""
        self._builder.shutdown()
        if self._fresh is not None and self._fresh.exception() is None:
            self._fresh.result().close()
        self._session.close()

    def _renew(self) -> None:
        """Change connections now and then; the next is planned meanwhile, so no request waits."""
        self._runs += 1
        if self._fresh is None and self._runs >= RUNS_OF_A_CONNECTION:
            self._fresh = self._builder.submit(_Session, self._sources, self._files)
        if self._fresh is None or not self._fresh.done():
            return
        fresh, self._fresh, self._runs = self._fresh, None, 0
        if fresh.exception() is None:  # else the old one serves on
            self._session.close()
            self._session = fresh.result()

    @contextmanager
    def _shown(self, tables: Mapping[str, pa.Table]) -> Iterator[None]:
        """Let the plans read these tables, and nothing of them afterwards."""
        try:
            for name, source in self._sources.items():
                source.show(tables.get(name, source.empty))
            yield
        finally:
            for source in self._sources.values():
                source.table = source.empty

    @contextmanager
    def _refusals(self, file: str) -> Iterator[None]:
        """Tell numbers that are too large from a failure of DuckDB, after which it starts anew."""
        import duckdb

        try:
            yield
        except duckdb.DataError as error:
            raise FeaturesNotComputable(file) from error
        except duckdb.Error as error:
            self._session.close()
            self._session = _Session(self._sources, self._files)
            raise FeatureEngineFailed(file, str(error)) from error

    def _part(self, file: str) -> Part:
        names = self._names[file]
        if not self._sources[self._files[file]].table.num_rows:
            return Part(names, ())  # nobody has a row of a table that is empty
        with self._refusals(file):
            return Part(names, self._session.run(file).fetchall())


class _Session:
    """A connection in which each file is a prepared statement over the sources."""

    def __init__(self, sources: Mapping[str, _Source], files: Mapping[str, str]) -> None:
        import duckdb

        self._connection = duckdb.connect(":memory:", config=dict(_CONFIG))
        prepare(self._connection)
        for name, source in sources.items():
            self._connection.register(f"given_{name}", source)
            self._connection.execute(f"create view raw.{name} as from given_{name}")
        for file in files:
            self._connection.execute(f"prepare {file} as {query(file)}")
        self._runs = {file: self._parsed(f"execute {file}") for file in files}
        self._stop_optimising()

    def run(self, file: str) -> duckdb.DuckDBPyConnection:
        """Run a file over what the sources show."""
        return self._connection.execute(self._runs[file])

    def feature_names(self, file: str) -> tuple[str, ...]:
        """The columns that a file makes, but for the applicant's id."""
        return tuple(column[0] for column in self.run(file).description or ())[1:]

    def close(self) -> None:
        self._connection.close()

    def _parsed(self, statement: str) -> duckdb.Statement:
        (parsed,) = self._connection.extract_statements(statement)
        return parsed

    def _stop_optimising(self) -> None:
        """The plans are made; DuckDB would look for a better way to start each of them."""
        names = self._connection.execute("select name from duckdb_optimizers()").fetchall()
        listed = ",".join(name for (name,) in names)
        self._connection.execute(f"set disabled_optimizers = '{listed}'")


class _Source:
    """A raw table that DuckDB asks for anew each time a plan runs (Arrow's PyCapsule interface)."""

    def __init__(self, name: str) -> None:
        self._name = name
        # Arrow's own `empty_table` imports pandas wherever it is installed.
        self.empty = pa.Table.from_batches([], request_schema(name))
        self.table = self.empty

    def show(self, table: pa.Table) -> None:
        """Show these rows from now on."""
        if not table.schema.equals(self.empty.schema):
            raise WrongRequestTable(self._name, table.schema, self.empty.schema)
        self.table = table

    def __arrow_c_schema__(self) -> object:
        return self.empty.schema.__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.table.__arrow_c_stream__(requested_schema)
