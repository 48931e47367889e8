"""Raw applications of several requests in one set of tables."""

from __future__ import annotations

import pyarrow as pa

from creditrisk.contracts.requests import ApplicationRequest
from creditrisk.serve.merging import MOST_TOGETHER, merged_tables, rounds


def request(applicants: list[int], bureau: list[int], previous: list[int]) -> ApplicationRequest:
    """A request of which only the ids matter."""
    tables = {
        "application": pa.table({"SK_ID_CURR": pa.array(applicants, pa.int64())}),
        "bureau": pa.table({"SK_ID_BUREAU": pa.array(bureau, pa.int64())}),
        "previous_application": pa.table({"SK_ID_PREV": pa.array(previous, pa.int64())}),
    }
    return ApplicationRequest(tuple(applicants), [], tables, None, ())


def test_requests_without_a_common_id_go_together() -> None:
    """Three applicants with histories of their own are one round."""
    requests = [request([n], [n], [n]) for n in (1, 2, 3)]
    assert rounds(requests) == [[0, 1, 2]]


def test_a_common_id_of_any_kind_keeps_requests_apart() -> None:
    """Histories that two requests call the same would count for both applicants."""
    assert rounds([request([1], [], []), request([1], [], [])]) == [[0], [1]]
    assert rounds([request([1], [7], []), request([2], [7], [])]) == [[0], [1]]
    assert rounds([request([1], [], [7]), request([2], [], [7])]) == [[0], [1]]


def test_the_same_number_may_be_an_id_of_two_kinds() -> None:
    """A credit and a loan with one number have nothing to do with each other."""
    assert rounds([request([1], [7], []), request([2], [], [7])]) == [[0, 1]]


def test_a_round_has_a_bound() -> None:
    """More applicants are computed in several rounds."""
    requests = [request([2 * n, 2 * n + 1], [], []) for n in range(MOST_TOGETHER)]
    assert [2 * len(places) for places in rounds(requests)] == [MOST_TOGETHER] * 2


def test_rows_keep_their_order() -> None:
    """The applicants of the first request come first."""
    merged = merged_tables([request([2, 1], [], []), request([3], [], [])])
    assert merged["application"].column("SK_ID_CURR").to_pylist() == [2, 1, 3]
