"""Raw tables as the nested applications that a caller posts, and the checks of what is posted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from creditrisk.contracts.request_contract import APPLICATION, PARENTS, RequestContract
from creditrisk.contracts.requests import DEFAULT_MAX_RECORDS, RequestChecks
from creditrisk.contracts.runner import ValidationRunner
from creditrisk.contracts.tables import APPLICANT_KEY, RAW_FILES, TARGET, raw_tables
from creditrisk.core.settings import ContractSettings
from creditrisk.features.catalogue import Feature, load_catalogue
from creditrisk.simulation.applications import OWN_KEYS, nested_applications

if TYPE_CHECKING:
    import duckdb

Row = dict[str, Any]
Rows = Sequence[Row]


@cache
def request_contract() -> RequestContract:
    """The contract that is sealed with every model of this version."""
    catalogue = load_catalogue()
    runner = ValidationRunner(
        ContractSettings(), features=catalogue.columns(), feature_inputs=catalogue.inputs()
    )
    return runner.request_contract(catalogue.descriptions())


def request_checks(
    features: Sequence[str] | None = None, max_records: int = DEFAULT_MAX_RECORDS
) -> RequestChecks:
    """The checks for a model that reads these features, all of them where none are named."""
    names = load_catalogue().names if features is None else features
    return RequestChecks(request_contract(), names, max_records)


def feature_record(**values: Any) -> Row:
    """A row of the feature table that keeps every rule, with `values` in it."""
    return (
        {APPLICANT_KEY: 900_000_001}
        | {feature.name: _plain_cell(feature) for feature in load_catalogue()}
        | values
    )


def application_record(**values: Any) -> Row:
    """The sealed example's application with its histories, with `values` in it; a fresh copy."""
    record: Row = deepcopy(request_contract().example["applications"][0])
    return record | values


def _plain_cell(feature: Feature) -> Any:
    if feature.type == "category":
        return feature.categories[0]
    low = -1.0 if feature.minimum is None else feature.minimum
    high = 1.0 if feature.maximum is None else feature.maximum
    middle = (low + high) / 2
    return int(middle) if feature.type == "integer" else middle


def application_payload(
    raw: Path | duckdb.DuckDBPyConnection, ids: Iterable[int]
) -> dict[str, list[Row]]:
    """The body that posts these applicants, in this order.

    Args:
        raw: the folder of the raw files, or a connection that has the raw tables by name.
        ids: SK_ID_CURR of applicants that the tables hold.
    """
    connection = raw_connection(raw) if isinstance(raw, Path) else raw
    return nested_payload(raw_rows(connection, list(ids)))


def raw_connection(folder: Path) -> duckdb.DuckDBPyConnection:
    """A connection with the seven raw tables of a folder, as training loads them."""
    import duckdb

    from creditrisk.data.loading import load_table

    connection = duckdb.connect()
    for file, table in RAW_FILES.items():
        load_table(connection, folder / file, raw_tables()[table], table)
    return connection


def raw_rows(connection: duckdb.DuckDBPyConnection, ids: Sequence[int]) -> dict[str, list[Row]]:
    """The rows of all raw tables that belong to these applicants, without their outcome."""
    found = {APPLICATION: _where(connection, APPLICATION, APPLICANT_KEY, ids)}
    place = {applicant: position for position, applicant in enumerate(ids)}
    found[APPLICATION].sort(key=lambda row: place[row[APPLICANT_KEY]])
    for row in found[APPLICATION]:
        row.pop(TARGET, None)
    for table, parent in PARENTS.items():
        key = OWN_KEYS[parent]
        found[table] = _where(connection, table, key, [row[key] for row in found[parent]])
    return found


def nested_payload(tables: Mapping[str, Rows]) -> dict[str, list[Row]]:
    """The body that posts rows of raw tables."""
    return {"applications": nested_applications(tables)}


def _where(
    connection: duckdb.DuckDBPyConnection, table: str, key: str, keys: Sequence[int]
) -> list[Row]:
    query = f'select * from "{table}" where {key} in (select unnest(?)) order by all'  # noqa: S608
    result = connection.execute(query, [list(keys)])
    names = [column[0] for column in result.description]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]
