"""A month's raw files as bodies of API requests: applications with their histories nested."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from creditrisk.contracts.request_contract import APPLICATION, PARENTS
from creditrisk.contracts.requests import APPLICATIONS_FORM
from creditrisk.contracts.tables import APPLICANT_KEY, RAW_FILES, raw_tables, without_target
from creditrisk.core.settings import ResourceSettings
from creditrisk.data.engine import connect
from creditrisk.data.loading import load_table
from creditrisk.data.synthetic.portfolio import LABELLED_FILE, UNLABELLED_FILE

if TYPE_CHECKING:
    import duckdb

Row = dict[str, Any]

# The tables whose rows others are nested in, with the key of their own rows.
OWN_KEYS = {
    APPLICATION: APPLICANT_KEY,
    "bureau": "SK_ID_BUREAU",
    "previous_application": "SK_ID_PREV",
}
_KEYS = frozenset(OWN_KEYS.values())


def request_bodies(folder: Path, size: int, resources: ResourceSettings) -> Iterator[bytes]:
    """The applicants of a folder of raw files in the order of their ids, `size` in a request.

    Raises:
        MissingFile, WrongColumns, BrokenFile, WrongValue: a file is not the table of its name.
    """
    with connect(resources) as connection:
        ids = _load(connection, folder)
        for first in range(0, len(ids), size):
            applications = _applications(connection, ids[first : first + size])
            yield json.dumps({APPLICATIONS_FORM: applications}).encode()


def request_count(folder: Path, size: int) -> int:
    """How many requests they are."""
    with (folder / UNLABELLED_FILE).open("rb") as stream:
        applicants = sum(1 for _ in stream) - 1
    return -(-applicants // size)


def _load(connection: duckdb.DuckDBPyConnection, folder: Path) -> list[int]:
    for file, table in RAW_FILES.items():
        columns = without_target(raw_tables()[table])
        name = UNLABELLED_FILE if file == LABELLED_FILE else file
        load_table(connection, folder / name, columns, table)
    rows = connection.table(APPLICATION).select(APPLICANT_KEY).order(APPLICANT_KEY).fetchall()
    return [row[0] for row in rows]


def _applications(connection: duckdb.DuckDBPyConnection, ids: Sequence[int]) -> list[Row]:
    rows = {APPLICATION: _rows(connection, APPLICATION, APPLICANT_KEY, ids)}
    for table, parent in PARENTS.items():
        key = OWN_KEYS[parent]
        rows[table] = _rows(connection, table, key, [row[key] for row in rows[parent]])
    return nested_applications(rows)


def nested_applications(tables: Mapping[str, Sequence[Row]]) -> list[Row]:
    """Rows of raw tables nested in their parents, without the keys that these have."""
    children: dict[tuple[str, int], list[Row]] = defaultdict(list)
    for table, parent in PARENTS.items():
        key = OWN_KEYS[parent]
        for row in tables.get(table, ()):
            children[table, row[key]].append(row)
    return [_nested(APPLICATION, row, children) for row in tables[APPLICATION]]


def _nested(table: str, row: Row, children: Mapping[tuple[str, int], Sequence[Row]]) -> Row:
    """A row without the keys that it has from its parent, and with the rows that belong to it."""
    own = OWN_KEYS.get(table)
    nested = {name: value for name, value in row.items() if name == own or name not in _KEYS}
    if own is None:
        return nested
    for child in (name for name, parent in PARENTS.items() if parent == table):
        found = children.get((child, row[own]), ())
        nested[child] = [_nested(child, one, children) for one in found]
    return nested


def _rows(
    connection: duckdb.DuckDBPyConnection, table: str, key: str, keys: Sequence[int]
) -> list[Row]:
    query = f'select * from "{table}" where {key} in (select unnest(?)) order by all'  # noqa: S608
    return list(connection.sql(query, params=[list(keys)]).to_arrow_table().to_pylist())
