"""The features of one application, or of a few, by the same SQL files as for training.

DuckDB plans each file once; the raw tables behind the plans change with every request. Planning
anew would take ten times as long as running.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from creditrisk.contracts.tables import APPLICANT_KEY, ColumnType, raw_tables, without_target
from creditrisk.core.errors import CreditRiskError
from creditrisk.features.queries import FEATURE_TABLES, prepare, query

if TYPE_CHECKING:
    import duckdb

_APPLICATION = "application"
_ARROW_TYPES: Mapping[ColumnType, pa.DataType] = {
    "integer": pa.int64(),
    "real": pa.float64(),
    "category": pa.string(),
}


class FeaturesNotComputable(CreditRiskError):
    """A feature query failed on applications that keep the contracts."""

    def __init__(self, name: str, problem: str) -> None:
        self.name = name
        super().__init__(
            f"No features: sql/{name}.sql could not be computed ({problem}). Sums and ratios of "
            "amounts must stay below 1e20."
        )


def request_schema(table: str) -> pa.Schema:
    """The columns of a raw table as a request gives them: all but TARGET."""
    columns = without_target(raw_tables()[table]).columns
    return pa.schema([(column.name, _ARROW_TYPES[column.type]) for column in columns])


class RequestFeatures:
    """Computes feature rows in process. One thread at a time may use it."""

    def __init__(self) -> None:
        self._connection = _connection()
        self._tables = {name: _Given(request_schema(name).empty_table()) for name in raw_tables()}
        for name, given in self._tables.items():
            self._connection.register(f"given_{name}", given)
            self._connection.execute(f"create view raw.{name} as from given_{name}")
        for name in FEATURE_TABLES:
            self._connection.execute(f"prepare features_{name} as {query(name)}")

    def compute(self, tables: Mapping[str, pa.Table]) -> pa.Table:
        """The feature table of these applicants, in the order of the application rows.

        Args:
            tables: raw tables by name with the columns of `request_schema`; one that is left out
                is empty.

        Raises:
            FeaturesNotComputable: amounts are beyond what features can hold.
        """
        try:
            for name, given in self._tables.items():
                given.table = tables.get(name, given.empty)
            return self._joined([self._computed(name) for name in FEATURE_TABLES])
        finally:
            for given in self._tables.values():
                given.table = given.empty

    def close(self) -> None:
        """Free what DuckDB holds."""
        self._connection.close()

    def _computed(self, name: str) -> pa.Table:
        import duckdb

        try:
            return self._connection.execute(f"execute features_{name}").to_arrow_table()
        except duckdb.Error as error:
            raise FeaturesNotComputable(name, str(error).splitlines()[0]) from error

    def _joined(self, parts: list[pa.Table]) -> pa.Table:
        """One row per applicant: what `feature_store.sql` does, in the order of the request."""
        ids = self._tables[_APPLICATION].table.column(APPLICANT_KEY).to_pylist()
        columns: dict[str, Any] = {APPLICANT_KEY: pa.array(ids, pa.int64())}
        for part in parts:
            place = {key: row for row, key in enumerate(part.column(APPLICANT_KEY).to_pylist())}
            rows = pa.array([place.get(key) for key in ids], pa.int64())
            for name in part.column_names[1:]:
                columns[name] = part.column(name).take(rows)
        return pa.table(columns)


class _Given:
    """A raw table that DuckDB asks for anew each time a plan runs."""

    def __init__(self, empty: pa.Table) -> None:
        self.empty = empty
        self.table = empty

    def __arrow_c_schema__(self) -> object:
        """The columns, in the form of the Arrow PyCapsule interface."""
        return self.table.schema.__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """The rows, in the form of the Arrow PyCapsule interface."""
        return self.table.__arrow_c_stream__(requested_schema)


def _connection() -> duckdb.DuckDBPyConnection:
    import duckdb

    config: dict[str, str | bool | int | float | list[str]] = {
        "threads": 1,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    connection = duckdb.connect(":memory:", config=config)
    prepare(connection)
    return connection
