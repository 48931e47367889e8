"""Outcomes are joined to decisions once, wholly, and what does not fit is refused by reason."""

from __future__ import annotations

from decided_applicants import MATURE, DecidedPlace, decision_id

BATCH = "batch-of-2025"


def outcomes(numbers: range, label: int = 0) -> list[tuple[str, int, str]]:
    """Rows of a file: the same matured outcome for these applicants."""
    return [(decision_id(number), label, MATURE) for number in numbers]


def test_matured_outcomes_stand_beside_what_was_answered(decided: DecidedPlace) -> None:
    """An outcome keeps PD, decision, grade, model and time of its decision."""
    load = decided.load_rows((decision_id(3), 1, MATURE), (decision_id(4), 0, MATURE))
    assert (load.rows, load.loaded, load.defaults, load.known, load.refused) == (2, 2, 1, 0, {})
    assert decided.stored() == {decision_id(3): 1, decision_id(4): 0}
    row = decided.in_ledger(lambda ledger: next(ledger.outcomes().rows()))
    assert row.sequence == 3
    assert row[3:] == (1, MATURE, "2025-01-15T10:00:00+00:00", "b" * 64, 0.05, "approve", "C")
    assert not decided.refused.exists()
