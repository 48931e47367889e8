"""DuckDB connections that use no more than the settings allow, and say what is not enough."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from creditrisk.core.errors import CreditRiskError
from creditrisk.core.files import free_bytes
from creditrisk.core.settings import ResourceSettings

if TYPE_CHECKING:
    import duckdb

_BINARY_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
_SPILL_PREFIX = "creditrisk-spill-"
_SPILL_LIMIT = "max_temp_directory_size"
# What the system says, in DuckDB's message, where a disk, a quota or a file is full.
_NO_SPACE = tuple(map(os.strerror, (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)))


class NoSpaceForOutput(CreditRiskError):
    """The disk cannot hold the file that a stage writes."""

    def __init__(self, target: Path, free: int, reason: str) -> None:
        super().__init__(
            f"{target} not written: {reason}; {free:,} bytes are free there now, more are needed. "
            "Free some space. The files of the last good run are unchanged."
        )


class NoSpaceForSpill(CreditRiskError):
    """What exceeds the memory limit does not fit on the disk for temporary files either."""

    def __init__(self, target: Path, folder: Path, free: int, limit: str) -> None:
        super().__init__(
            f"{target} not written: rows beyond resources.memory_limit ({limit}) go to "
            f"{folder}, which cannot hold them; {free:,} bytes are free there now, more are "
            "needed. Let TMPDIR name a folder on a larger disk or raise the limit (params.yaml). "
            "The files of the last good run are unchanged."
        )


class MemoryLimitTooLow(CreditRiskError):
    """DuckDB cannot do with the memory that the settings allow."""

    def __init__(self, target: Path, memory_limit: str, reason: str) -> None:
        super().__init__(
            f"{target} not written: resources.memory_limit {memory_limit} is not enough "
            f"({reason}). Raise it, or lower resources.threads (params.yaml)."
        )


@contextmanager
def stage_connection(
    resources: ResourceSettings, target: Path
) -> Iterator[duckdb.DuckDBPyConnection]:
    """The connection of a stage that writes `target`; what the machine lacks ends it in our words.

    Raises:
        NoSpaceForOutput, NoSpaceForSpill, MemoryLimitTooLow.
    """
    import duckdb

    try:
        with connect(resources) as connection:
            yield connection
    except (duckdb.IOException, duckdb.OutOfMemoryException) as error:
        shortage = _shortage(str(error), resources, target)
        if shortage is None:
            raise
        raise shortage from error


def _shortage(message: str, resources: ResourceSettings, target: Path) -> CreditRiskError | None:
    """What the machine lacks, judged by DuckDB's message, the only place where it says so."""
    reason = next((words for words in _NO_SPACE if words in message), None)
    spill_parent = Path(tempfile.gettempdir())
    if _SPILL_LIMIT in message or (reason and _SPILL_PREFIX in message):
        limit = resources.memory_limit
        return NoSpaceForSpill(target, spill_parent, free_bytes(spill_parent), limit)
    if reason:
        return NoSpaceForOutput(target, free_bytes(target), reason)
    if message.startswith("Out of Memory"):
        return MemoryLimitTooLow(target, resources.memory_limit, message.splitlines()[0])
    return None


def connect(resources: ResourceSettings) -> duckdb.DuckDBPyConnection:
    """Open an in-memory database; close it, best by `with`, and what it spilled to disk is gone.

    Rows keep the order of their file at any number of threads, and no extension is ever fetched.
    """
    import duckdb

    # DuckDB makes the spill folder when it first needs it and removes it on closing.
    spill_folder = Path(tempfile.gettempdir()) / f"{_SPILL_PREFIX}{uuid4().hex}"
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


def memory_limit_of(connection: duckdb.DuckDBPyConnection) -> float:
    """How many bytes a connection may use before it spills."""
    (limit,) = connection.execute("select current_setting('memory_limit')").fetchall()[0]
    number, unit = str(limit).split()  # such as 3.7 GiB
    return float(number) * 1024.0 ** _BINARY_UNITS.index(unit)
