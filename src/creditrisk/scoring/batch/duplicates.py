"""Applicants who stand in a file more than once, found in bounded memory.

A row's fate never depends on the chunk it stands in: of several rows of one applicant nobody knows
the right one, and all are rejected.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Self

from creditrisk.core.settings import ResourceSettings
from creditrisk.data.engine import connect

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

_DUPLICATED = "select id from ids where id is not null group by id having count(*) > 1 order by id"


class SeenIds:
    """The ids of rows seen so far; DuckDB keeps them within its memory limit, and spills past it."""

    def __init__(self, resources: ResourceSettings) -> None:
        self._connection = connect(resources)
        self._connection.execute("create table ids (id bigint)").fetchall()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._connection.close()

    def add(self, ids: pa.Array | pa.ChunkedArray) -> None:
        """Add whole numbers, null where a row has no id."""
        import pyarrow as pa

        self._connection.register("more", pa.table({"id": ids}))
        self._connection.execute("insert into ids select id from more").fetchall()
        self._connection.unregister("more")

    def repeated(self) -> NDArray[np.int64]:
        """The ids that more than one row has, rising."""
        found = self._connection.sql(_DUPLICATED).to_arrow_table()
        ids: NDArray[np.int64] = found.column("id").to_numpy()
        return ids


def duplicated_ids(pieces: Iterable[pa.Array], resources: ResourceSettings) -> NDArray[np.int64]:
    """The ids that more than one row has, rising."""
    with SeenIds(resources) as seen:
        for ids in pieces:
            seen.add(ids)
        return seen.repeated()
