"""Applicants who stand in a file more than once, found in bounded memory before any row is scored.

So a row's fate never depends on the chunk it stands in: of several rows of one applicant nobody
knows the right one, and all are rejected.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from creditrisk.core.settings import ResourceSettings
from creditrisk.data.engine import connect

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

_DUPLICATED = "select id from ids where id is not null group by id having count(*) > 1 order by id"


def duplicated_ids(
    pieces: Iterable[pa.Array], resources: ResourceSettings
) -> tuple[NDArray[np.int64], int]:
    """The ids that more than one row has, rising, and the number of all rows.

    DuckDB counts within its memory limit and spills past it.
    """
    import pyarrow as pa

    rows = 0
    schema = pa.schema([("id", pa.int64())])

    def batches() -> Iterator[pa.RecordBatch]:
        nonlocal rows
        for ids in pieces:
            rows += len(ids)
            yield pa.record_batch([ids], schema=schema)

    with connect(resources) as connection:
        connection.register("ids", pa.RecordBatchReader.from_batches(schema, batches()))
        found = connection.sql(_DUPLICATED).to_arrow_table()
    return found.column("id").to_numpy(), rows
