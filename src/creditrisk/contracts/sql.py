"""How names, texts and types are written in DuckDB's SQL."""

from __future__ import annotations

# What DuckDB calls integers that a contract takes for int64; larger ones break their range there.
INTEGER_TYPES = frozenset(
    {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"}
)


def quoted_name(name: str) -> str:
    """The name of a table or column, whatever it contains."""
    return '"' + name.replace('"', '""') + '"'


def quoted_text(text: str) -> str:
    """A text as a literal, whatever it contains."""
    return "'" + text.replace("'", "''") + "'"
