"""DuckDB connections that use no more than the settings allow."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from creditrisk.core.settings import ResourceSettings

if TYPE_CHECKING:
    import duckdb


def connect(resources: ResourceSettings) -> duckdb.DuckDBPyConnection:
    """Open an in-memory database; close it, best by `with`, and what it spilled to disk is gone.

    Rows keep the order of their file at any number of threads, and no extension is ever fetched.
    """
    import duckdb

    # DuckDB makes the spill folder when it first needs it and removes it on closing.
    spill_folder = Path(tempfile.gettempdir()) / f"creditrisk-spill-{uuid4().hex}"
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": resources.memory_limit,
        "temp_directory": str(spill_folder),
        "preserve_insertion_order": True,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    if resources.threads is not None:
        config["threads"] = resources.threads
    return duckdb.connect(":memory:", config=config)
