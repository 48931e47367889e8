"""How many raw rows there are of one applicant, table by table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from creditrisk.contracts.tables import RAW_FILES
from creditrisk.core.errors import CreditRiskError
from creditrisk.core.settings import ResourceSettings
from creditrisk.data.engine import connect

if TYPE_CHECKING:
    import duckdb

_UNLABELLED = "application_test.csv"
_BY_CREDIT = {"bureau_balance.csv": "bureau.csv"}

_COUNT = """
    select count(*)
    from read_csv($file, header = true, all_varchar = true)
    where SK_ID_CURR = $applicant
"""
_COUNT_BY_CREDIT = """
    select count(*)
    from read_csv($file, header = true, all_varchar = true)
    where
        SK_ID_BUREAU in (
            select SK_ID_BUREAU
            from read_csv($credits, header = true, all_varchar = true)
            where SK_ID_CURR = $applicant
        )
"""


class UncountableRows(CreditRiskError):
    """A raw file cannot be searched for an applicant."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"Rows of {path} not counted: {reason.strip().partition(chr(10))[0]}")


def applicant_rows(folder: Path, sk_id_curr: int, resources: ResourceSettings) -> dict[str, int]:
    """Rows of an applicant by file, of the raw files that are in the folder.

    Raises:
        UncountableRows: a file is no CSV with the applicant's key.
    """
    present = [name for name in (_UNLABELLED, *RAW_FILES) if (folder / name).is_file()]
    with connect(resources) as connection:
        connection.execute("set enable_progress_bar = false")
        return {name: _count(connection, folder, name, sk_id_curr) for name in present}


def _count(connection: duckdb.DuckDBPyConnection, folder: Path, name: str, sk_id_curr: int) -> int:
    import duckdb

    values = {"file": str(folder / name), "applicant": str(sk_id_curr)}
    query = _COUNT
    if name in _BY_CREDIT:
        query, values = _COUNT_BY_CREDIT, {**values, "credits": str(folder / _BY_CREDIT[name])}
    try:
        found = connection.execute(query, values).fetchone()
    except duckdb.Error as error:
        raise UncountableRows(folder / name, str(error)) from error
    return int(found[0]) if found else 0
