"""How DuckDB reads a file of outcomes or answers, by how its name ends.

A CSV's cells are all text: what one cannot mean is that row's problem, not the file's.
"""

from __future__ import annotations

READERS = {
    ".csv": """read_csv(?, header = true, all_varchar = true, delim = ',', quote = '"')""",
    ".parquet": "read_parquet(?)",
}
