"""Raw applications of several requests as one set of tables, so that each SQL file runs once.

Features join histories by their ids alone, so requests that share an id are never put together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from creditrisk.contracts.requests import ApplicationRequest

MOST_TOGETHER = 32  # applicants; more take longer than a request beside them should wait

# The table in which each id names its row; nested rows have no other.
_KEYS: Mapping[str, str] = MappingProxyType(
    {
        "application": "SK_ID_CURR",
        "bureau": "SK_ID_BUREAU",
        "previous_application": "SK_ID_PREV",
    }
)


def rounds(requests: Sequence[ApplicationRequest]) -> list[list[int]]:
    """The places of the requests in groups that may be computed together, in their order."""
    groups: list[tuple[list[int], set[tuple[str, int]], int]] = []
    for place, request in enumerate(requests):
        ids, size = _ids(request), len(request.ids)
        if groups and groups[-1][1].isdisjoint(ids) and groups[-1][2] + size <= MOST_TOGETHER:
            places, known, before = groups.pop()
            groups.append(([*places, place], known | ids, before + size))
        else:
            groups.append(([place], ids, size))
    return [places for places, _, _ in groups]


def merged_tables(requests: Sequence[ApplicationRequest]) -> Mapping[str, pa.Table]:
    """The raw tables of all these requests, in their order."""
    if len(requests) == 1:
        return requests[0].tables
    return {
        name: pa.concat_tables([request.tables[name] for request in requests])
        for name in requests[0].tables
    }


def _ids(request: ApplicationRequest) -> set[tuple[str, int]]:
    return {
        (key, value)
        for table, key in _KEYS.items()
        for value in request.tables[table].column(key).to_pylist()
    }
