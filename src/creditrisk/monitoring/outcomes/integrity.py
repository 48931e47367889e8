"""Outcomes as they stand, compared with what the signed entries of their loads say."""

from __future__ import annotations

from collections.abc import Iterator

from creditrisk.ledger import DecisionLedger
from creditrisk.ledger.outcome_store import StoredOutcome
from creditrisk.ledger.outcomes import RowsProof
from creditrisk.monitoring.outcomes.loading import OutcomeLoad


def loads_of(ledger: DecisionLedger) -> list[OutcomeLoad]:
    """All loads in their order.

    Raises:
        OutcomesChanged: one is not what the ledger's signed entry says.
    """
    return [OutcomeLoad.model_validate_json(load.content) for load in ledger.outcomes().loads()]


def sound_outcomes(ledger: DecisionLedger) -> Iterator[StoredOutcome]:
    """All outcomes in the order of their ids; only at the end it is known that they are whole.

    Raises:
        OutcomesChanged: they are not what was loaded.
    """
    proof = RowsProof({load.load_id: load.rows_sha256 for load in loads_of(ledger)})
    for row in ledger.outcomes().rows():
        proof.add(row)
        yield row
    proof.require_whole()
