from __future__ import annotations

import duckdb
import pytest

from creditrisk.contracts.sql import INTEGER_TYPES, quoted_name, quoted_text

AWKWARD = ["plain", 'with "quotes"', "it's", "a;b -- c", "select", "\N{SNOWMAN}"]


@pytest.mark.parametrize("word", AWKWARD)
def test_names_and_texts_survive_quoting(word: str) -> None:
    """DuckDB reads back the very name and the very text, whatever stands in them."""
    with duckdb.connect() as connection:
        result = connection.execute(f"select {quoted_text(word)} as {quoted_name(word)}")
        assert [column[0] for column in result.description] == [word]
        assert result.fetchall() == [(word,)]


@pytest.mark.parametrize("kind", sorted(INTEGER_TYPES))
def test_integer_types_are_what_duckdb_calls_them(kind: str) -> None:
    """Each name is the one under which DuckDB describes a column of that type."""
    with duckdb.connect() as connection:
        connection.execute(f"create table t (x {kind})")
        assert str(connection.table("t").types[0]) == kind
