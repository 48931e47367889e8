"""Adds the rows of labelled snapshots to raw files that have just been fetched.

An applicant is taken whole, with the histories that the decision was made on, or not at all. Whoever
has a row in the base source already, under any key of any file, is left out and counted: the base
vouches for its own applicants, and histories of two dates must not be mixed.
"""

from __future__ import annotations

import csv
import glob
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from creditrisk.contracts.sql import quoted_name, quoted_text
from creditrisk.contracts.tables import APPLICANT_KEY, RAW_FILES, raw_tables
from creditrisk.core.errors import CreditRiskError
from creditrisk.data.labelled import DamagedSnapshot, Snapshot
from creditrisk.data.loading import check_types

if TYPE_CHECKING:
    import duckdb

# Which column of which file says whose row it is; other files have SK_ID_CURR themselves.
_OWNED = {"SK_ID_BUREAU": "bureau.csv", "SK_ID_PREV": "previous_application.csv"}
_KEYS = (APPLICANT_KEY, *_OWNED)
_OWNERS = "labelled_owners"
_TEXT_ROWS = (
    "read_csv(?, header = true, all_varchar = true, delim = ',', quote = '\"', escape = '\"', "
    "compression = 'none', hive_partitioning = false)"
)


class OverlappingSnapshots(CreditRiskError):
    """Two snapshots, or two applicants of one, have a key in common."""

    def __init__(self, key: str, count: int, example: int) -> None:
        super().__init__(
            f"Labelled snapshots refused: {count} values of {key} belong to more than one listed "
            f"applicant or snapshot, for instance {example}. List each applicant's snapshot once."
        )


@dataclass(frozen=True, slots=True)
class Addition:
    """What a snapshot adds: its applicants in all, those left out by the base file that has them.

    `rows` are those added, by file.
    """

    snapshot: Snapshot
    applicants: frozenset[int]
    left_out: dict[str, int]
    rows: dict[str, int]


def add_rows(
    snapshots: Sequence[Snapshot],
    base: dict[str, Path],
    connection: duckdb.DuckDBPyConnection,
) -> list[Addition]:
    """Append the snapshots' rows to the files, which must be copies that may be written.

    Args:
        snapshots: verified snapshots.
        base: the raw files by name; application_test.csv too where there is one.
        connection: what the files are searched with.

    Raises:
        DamagedSnapshot: a file is not the table of its name.
        OverlappingSnapshots: an applicant or a history would come twice.
    """
    for snapshot in snapshots:
        _check_tables(snapshot, connection)
    _load_owners(snapshots, connection)
    _refuse_overlap(connection)
    had = {name: _owners_in(path, connection) for name, path in base.items()}
    owners = _owners_of_keys(connection)
    connection.execute(f"drop table {_OWNERS}")
    return [_add(snapshot, base, had, owners) for snapshot in snapshots]


def _check_tables(snapshot: Snapshot, connection: duckdb.DuckDBPyConnection) -> None:
    for name, file in snapshot.manifest.files.items():
        try:
            rows = check_types(connection, snapshot.folder / name, raw_tables()[RAW_FILES[name]])
        except CreditRiskError as problem:
            raise DamagedSnapshot(snapshot.folder, str(problem)) from problem
        if rows != file.rows:
            raise DamagedSnapshot(snapshot.folder, f"{name} has {rows} rows, not {file.rows}")


def _load_owners(snapshots: Sequence[Snapshot], connection: duckdb.DuckDBPyConnection) -> None:
    """A table of every key of the snapshots with the applicant it belongs to."""
    connection.execute(f"create table {_OWNERS} (kind varchar, key bigint, owner bigint)")
    files = {APPLICANT_KEY: "application_train.csv", **_OWNED}
    for snapshot in snapshots:
        for key, name in files.items():
            connection.execute(
                f"insert into {_OWNERS} select ?, {_whole(key)}, {_whole(APPLICANT_KEY)} "  # noqa: S608
                f"from {_TEXT_ROWS}",
                [key, _pattern(snapshot.folder / name)],
            )


def _refuse_overlap(connection: duckdb.DuckDBPyConnection) -> None:
    repeated = f"select kind, key from {_OWNERS} group by all having count(*) > 1 order by all"  # noqa: S608
    found = connection.execute(repeated).fetchall()
    if found:
        kind, example = found[0]
        count = sum(row[0] == kind for row in found)
        raise OverlappingSnapshots(kind, count, example)


def _owners_in(path: Path, connection: duckdb.DuckDBPyConnection) -> frozenset[int]:
    """The snapshots' applicants of whom a base file has a row."""
    keys = [key for key in _KEYS if key in _header(path)]
    kinds = ", ".join(map(quoted_text, keys))
    query = (
        f"select distinct owner from {_OWNERS} join "  # noqa: S608
        f"(select unnest([{kinds}]) as kind, unnest([{', '.join(map(_whole, keys))}]) as key "
        f"from {_TEXT_ROWS}) using (kind, key)"
    )
    return frozenset(row[0] for row in connection.execute(query, [_pattern(path)]).fetchall())


def _owners_of_keys(connection: duckdb.DuckDBPyConnection) -> dict[tuple[str, int], int]:
    rows = connection.execute(f"select kind, key, owner from {_OWNERS}").fetchall()  # noqa: S608
    return {(kind, key): owner for kind, key, owner in rows}


def _add(
    snapshot: Snapshot,
    base: dict[str, Path],
    had: dict[str, frozenset[int]],
    owners: dict[tuple[str, int], int],
) -> Addition:
    everyone = _applicants(snapshot)
    left_out: dict[str, int] = {}
    taken = everyone
    for name, owners_there in had.items():
        gone = taken & owners_there
        taken -= gone
        if gone:
            left_out[name] = len(gone)
    rows = {
        name: _append(snapshot.folder / name, base[name], taken, owners)
        for name in snapshot.manifest.files
    }
    return Addition(snapshot, taken, left_out, rows)


def _applicants(snapshot: Snapshot) -> frozenset[int]:
    with _rows(snapshot.folder / "application_train.csv") as (_, rows):
        return frozenset(int(row[APPLICANT_KEY]) for row in rows)


def _append(
    source: Path, target: Path, taken: frozenset[int], owners: dict[tuple[str, int], int]
) -> int:
    """Append the rows of those who are taken, in the target's column order and line ending."""
    header, ending, complete = _header(target), _line_ending(target), _ends_its_last_line(target)
    added = 0
    with (
        _rows(source) as (columns, rows),
        target.open("a", encoding="utf-8", newline="") as stream,
    ):
        key = next(key for key in _KEYS if key in columns)
        writer = csv.DictWriter(stream, header, lineterminator=ending)
        stream.write("" if complete else ending)
        for row in rows:
            if owners[key, int(row[key])] in taken:
                writer.writerow(row)
                added += 1
    return added


@contextmanager
def _rows(path: Path) -> Iterator[tuple[Sequence[str], Iterator[dict[str, str]]]]:
    with path.open(encoding="utf-8", newline="") as stream:
        reader = csv.DictReader(stream, strict=True)
        yield list(reader.fieldnames or ()), reader


def _header(path: Path) -> list[str]:
    with path.open(encoding="utf-8-sig", newline="") as stream:
        return next(csv.reader(stream, strict=True))


def _line_ending(path: Path) -> str:
    with path.open("rb") as stream:
        return "\r\n" if stream.readline().endswith(b"\r\n") else "\n"


def _ends_its_last_line(path: Path) -> bool:
    with path.open("rb") as stream:
        stream.seek(-1, 2)
        return stream.read(1) in b"\r\n"


def _pattern(path: Path) -> str:
    """The file as DuckDB takes it: a pattern that matches just this path."""
    return glob.escape(str(path))


def _whole(column: str) -> str:
    """An identifier as text, which a file may also write as 5.0."""
    return f"{quoted_name(column)}::double::bigint"
