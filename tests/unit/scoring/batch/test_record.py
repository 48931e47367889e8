"""Decision ids of batches."""

from __future__ import annotations

import pytest

from creditrisk.scoring.batch.record import is_batch_id, row_of
from creditrisk.scoring.decision_record import new_decision_id


@pytest.mark.parametrize("batch_id", ["nightly-2026-11-23", "01M84JVYAKFPHZ0Q6QAQCT51WC"])
def test_a_row_s_id_names_batch_and_row(batch_id: str) -> None:
    """The batch's id, a hyphen, the row's number."""
    assert is_batch_id(batch_id)
    assert row_of(f"{batch_id}-307511") == (batch_id, 307_511)


@pytest.mark.parametrize(
    "decision_id",
    ["01M84JVYAKFPHZ0Q6QAQCT51WC", "nightly-batch-0", "nightly-batch-01", "short-1", "x" * 99],
)
def test_other_ids_are_no_rows(decision_id: str) -> None:
    """A request's decision, row 0, a leading zero and a short batch id name no row."""
    assert row_of(decision_id) is None


def test_a_new_id_can_be_a_batch_s() -> None:
    """The ids that decisions get are long and plain enough for batches."""
    assert is_batch_id(new_decision_id())
