"""Features of a request: the rows of the SQL files, in process, one request after another."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from portfolio import feature_rows, filled

from creditrisk.contracts.tables import APPLICANT_KEY, raw_tables
from creditrisk.features import request_plans
from creditrisk.features.catalogue import load_catalogue
from creditrisk.features.queries import prepare
from creditrisk.features.request_features import RequestFeatures
from creditrisk.features.request_plans import (
    FeatureEngineFailed,
    FeaturesNotComputable,
    WrongRequestTable,
    request_schema,
)

Rows = Iterable[Mapping[str, Any]]
HEAVY = ("ibis", "lightgbm", "mlflow", "pandas", "pandera", "scipy", "sklearn", "sqlglot")
COMPUTE_AND_LIST_IMPORTS = """
import json, sys
import pyarrow as pa
from creditrisk.features.request_features import RequestFeatures
from creditrisk.features.request_plans import request_schema
row = '{"SK_ID_CURR": 7, "AMT_CREDIT": 100.0}'
from pyarrow import json as arrow_json
options = arrow_json.ParseOptions(explicit_schema=request_schema("application"))
table = arrow_json.read_json(pa.BufferReader(row.encode()), parse_options=options)
features = RequestFeatures()
ids = [row["SK_ID_CURR"] for row in features.rows({"application": table})]
print(json.dumps({"ids": ids, "modules": sorted(sys.modules)}))
"""
HISTORY: dict[str, Rows] = {
    "application": [
        {"SK_ID_CURR": 3, "AMT_CREDIT": 1000.0, "EXT_SOURCE_1": 0.5},
        {"SK_ID_CURR": 1, "AMT_CREDIT": 0.3, "CODE_GENDER": "F"},
        {"SK_ID_CURR": 2},
    ],
    "bureau": [
        {"SK_ID_CURR": 3, "SK_ID_BUREAU": 1, "AMT_CREDIT_SUM": 0.1, "AMT_CREDIT_SUM_DEBT": 0.2},
        {"SK_ID_CURR": 3, "SK_ID_BUREAU": 2, "AMT_CREDIT_SUM": 0.7, "CREDIT_ACTIVE": "Active"},
        {"SK_ID_CURR": 1, "SK_ID_BUREAU": 3, "CREDIT_ACTIVE": "Closed"},
    ],
    "bureau_balance": [
        {"SK_ID_BUREAU": 2, "MONTHS_BALANCE": -1, "STATUS": "3"},
        {"SK_ID_BUREAU": 2, "MONTHS_BALANCE": -2, "STATUS": "0"},
    ],
    "previous_application": [
        {"SK_ID_CURR": 3, "SK_ID_PREV": 1, "NAME_CONTRACT_STATUS": "Approved"},
        {"SK_ID_CURR": 1, "SK_ID_PREV": 2, "NAME_CONTRACT_STATUS": "Refused"},
    ],
    "installments_payments": [
        {"SK_ID_CURR": 3, "SK_ID_PREV": 1, "AMT_INSTALMENT": 3.0, "AMT_PAYMENT": 1.0},
        {"SK_ID_CURR": 3, "SK_ID_PREV": 1, "AMT_INSTALMENT": 3.0, "AMT_PAYMENT": 2.0},
    ],
    "POS_CASH_balance": [{"SK_ID_CURR": 1, "SK_ID_PREV": 2, "MONTHS_BALANCE": -4, "SK_DPD": 1}],
    "credit_card_balance": [
        {"SK_ID_CURR": 3, "SK_ID_PREV": 1, "MONTHS_BALANCE": -1, "AMT_BALANCE": 10.0}
    ],
}


@pytest.fixture(scope="module")
def features() -> Iterator[RequestFeatures]:
    """One engine for all tests of the module, as one serves all requests of a process."""
    engine = RequestFeatures()
    yield engine
    engine.close()


def request_tables(tables: Mapping[str, Rows]) -> dict[str, pa.Table]:
    """The tables of a request from the columns that matter."""
    return {name: request_table(name, rows) for name, rows in tables.items()}


def request_table(name: str, rows: Rows) -> pa.Table:
    schema = request_schema(name)
    full = [filled(name, **row) for row in rows]
    return pa.Table.from_pylist([{key: row[key] for key in schema.names} for row in full], schema)


def with_debt(debt: float) -> dict[str, pa.Table]:
    """Two applicants, the second with this debt three times over."""
    credit = {"SK_ID_CURR": 2, "AMT_CREDIT_SUM": 1.0, "AMT_CREDIT_SUM_DEBT": debt}
    return request_tables(
        {
            "application": [{"SK_ID_CURR": 1}, {"SK_ID_CURR": 2}],
            "bureau": [{**credit, "SK_ID_BUREAU": number} for number in range(3)],
        }
    )


def typed(row: Mapping[str, Any]) -> dict[str, tuple[type, str]]:
    """Every cell with its type and all its digits."""
    return {name: (type(cell), repr(cell)) for name, cell in row.items()}


def test_rows_are_those_of_the_sql_files(features: RequestFeatures) -> None:
    """Each cell has the type and the bits that the files give when planned as one query."""
    expected = {row[APPLICANT_KEY]: typed(row) for row in feature_rows(HISTORY)}
    rows = features.rows(request_tables(HISTORY))
    assert {row[APPLICANT_KEY]: typed(row) for row in rows} == expected
    assert [list(row) for row in rows] == [[APPLICANT_KEY, *load_catalogue().names]] * 3


def test_rows_come_in_the_order_of_the_applications(features: RequestFeatures) -> None:
    """An answer finds its record by its place."""
    tables = request_tables(HISTORY)
    assert [row[APPLICANT_KEY] for row in features.rows(tables)] == [3, 1, 2]


def test_an_applicant_alone_has_the_features_that_it_has_among_others(
    features: RequestFeatures,
) -> None:
    """Who else is in the request changes nothing."""
    together = features.rows(request_tables(HISTORY))
    for place, row in enumerate(together):
        tables = request_tables(HISTORY)
        tables["application"] = tables["application"].slice(place, 1)
        assert [typed(alone) for alone in features.rows(tables)] == [typed(row)]


@pytest.mark.parametrize("name", ["bureau", "previous_application"])
def test_a_failure_on_one_side_waits_for_the_other(features: RequestFeatures, name: str) -> None:
    """Of one applicant both sides run at once: neither reads on when the request has failed."""
    tables = request_tables(HISTORY)
    tables["application"] = tables["application"].slice(0, 1)
    expected = features.rows(tables)
    with pytest.raises(FeatureEngineFailed, match=rf"sql/{name}\.sql .*the rows are gone"):
        features.rows({**tables, name: BrokenTable(name)})
    assert features.rows(tables) == expected


def test_absent_tables_are_empty(features: RequestFeatures) -> None:
    """An applicant without histories has nulls in their features."""
    application = request_table("application", [{"SK_ID_CURR": 1}])
    empty = request_tables({name: () for name in raw_tables() if name != "application"})
    (alone,) = features.rows({"application": application})
    (row,) = features.rows({"application": application, **empty})
    assert typed(alone) == typed(row)
    assert alone["BUREAU_N_ACTIVE"] is alone["INSTAL_LATE_MEAN"] is None


def test_nothing_of_a_request_stays(features: RequestFeatures) -> None:
    """The next request does not see the histories of the one before."""
    features.rows(request_tables(HISTORY))
    (row,) = features.rows({"application": request_table("application", [{"SK_ID_CURR": 3}])})
    assert row["BUREAU_N_ACTIVE"] is None


@pytest.mark.parametrize("debt", [9e19, 1e20, 1e300])
def test_amounts_beyond_the_features_are_refused(features: RequestFeatures, debt: float) -> None:
    """A sum that a decimal cannot hold is refused in our words, and the next request is served."""
    with pytest.raises(FeaturesNotComputable, match=r"sql/bureau\.sql .* below 1e20") as refusal:
        features.rows(with_debt(debt))
    assert refusal.value.name == "bureau"
    assert features.rows(with_debt(2.0))[1]["BUREAU_TOTAL_DEBT"] == 6.0


def test_a_table_with_other_columns_is_refused(features: RequestFeatures) -> None:
    """DuckDB would read a column of another type as what the plan says: never let it."""
    tables = request_tables(HISTORY)
    bureau = tables["bureau"]
    text = bureau.column("SK_ID_BUREAU").cast(pa.string())
    tables["bureau"] = bureau.set_column(
        bureau.column_names.index("SK_ID_BUREAU"), "SK_ID_BUREAU", text
    )
    with pytest.raises(WrongRequestTable, match="lacks SK_ID_BUREAU as int64"):
        features.rows(tables)
    with pytest.raises(WrongRequestTable, match="lacks that order"):
        features.rows({**tables, "bureau": bureau.select(bureau.column_names[::-1])})


class BrokenTable:
    """A table that fails while it is read."""

    num_rows = 1

    def __init__(self, name: str) -> None:
        self.schema = request_schema(name)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        message = "the rows are gone"
        raise RuntimeError(message)


def test_another_failure_leaves_the_engine_usable(features: RequestFeatures) -> None:
    """What is not the applicant's fault is told apart, and does not spoil the next request."""
    tables = request_tables(HISTORY)
    expected = features.rows(tables)
    with pytest.raises(FeatureEngineFailed, match=r"sql/bureau\.sql .*the rows are gone"):
        features.rows({**tables, "bureau": BrokenTable("bureau")})
    assert features.rows(tables) == expected


def is_closed(connection: duckdb.DuckDBPyConnection) -> bool:
    try:
        connection.execute("select 1")
    except duckdb.ConnectionException:
        return True
    return False


def test_connections_are_renewed_unnoticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """After so many requests fresh connections take over, and every answer stays the same."""
    opened = []
    monkeypatch.setattr(request_plans, "RUNS_OF_A_CONNECTION", 3)
    monkeypatch.setattr(request_plans, "prepare", lambda new: opened.append(new) or prepare(new))
    engine = RequestFeatures()
    first = opened[:]
    tables = request_tables(HISTORY)
    expected = engine.rows(tables)
    deadline = time.monotonic() + 60
    while not all(map(is_closed, first)) and time.monotonic() < deadline:
        assert engine.rows(tables) == expected
    assert all(map(is_closed, first))
    assert not all(map(is_closed, opened))
    engine.close()
    assert all(map(is_closed, opened))


def test_computing_imports_no_heavy_library() -> None:
    """A process that only computes features of requests loads neither pandas nor Pandera."""
    command = [sys.executable, "-c", COMPUTE_AND_LIST_IMPORTS]
    answer = json.loads(subprocess.check_output(command))
    assert answer["ids"] == [7]
    assert not {name.partition(".")[0] for name in answer["modules"]} & set(HEAVY)
