from __future__ import annotations

import duckdb
import pytest

from creditrisk.contracts.tables import raw_tables
from creditrisk.features.queries import FEATURE_TABLES, QUERIES_OF, SQL_FILES, prepare, query


def test_every_raw_table_has_a_query() -> None:
    """Each of the seven raw tables feeds some feature table, and parents come first."""
    assert set(QUERIES_OF) == set(raw_tables())
    order = list(QUERIES_OF)
    assert order.index("bureau") < order.index("bureau_balance")
    dependent = ("POS_CASH_balance", "installments_payments", "credit_card_balance")
    assert all(order.index("previous_application") < order.index(name) for name in dependent)


@pytest.mark.parametrize("name", SQL_FILES)
def test_files_say_grain_inputs_and_leakage_first(name: str) -> None:
    """A file opens with a comment: one row per what, from what, and why nothing leaks."""
    head = query(name).partition("\nwith")[0].partition("\nselect")[0]
    wanted = ("One row per", "Reads", "Leakage:") if name != "macros" else ("order of the rows",)
    assert head.startswith("--")
    assert all(word in head for word in wanted)


@pytest.mark.parametrize("name", FEATURE_TABLES)
def test_queries_never_read_the_outcome(name: str) -> None:
    """No feature SQL names TARGET outside its comment."""
    code = "\n".join(line for line in query(name).splitlines() if not line.startswith("--"))
    assert "target" not in code.lower()


def test_a_connection_is_prepared_twice_without_harm() -> None:
    """Preparing a connection again changes nothing."""
    with duckdb.connect() as connection:
        prepare(connection)
        prepare(connection)
        assert connection.execute("select exact_sum(0.5)").fetchall() == [(0.5,)]
