"""A batch in the decision ledger: once, whatever was killed in between."""

from __future__ import annotations

from creditrisk.ledger.decision_entries import NewDecision
from creditrisk.ledger.decisions import DecisionLedger
from creditrisk.ledger.errors import UnknownDecision
from creditrisk.scoring.batch.errors import RecordDiffers
from creditrisk.scoring.batch.record import BatchRecord


def is_recorded(ledger: DecisionLedger, batch_id: str) -> bool:
    """Whether the ledger knows a decision of that id."""
    try:
        ledger.get(batch_id)
    except UnknownDecision:
        return False
    return True


def record_batch(ledger: DecisionLedger, record: BatchRecord) -> None:
    """Record a batch durably, unless an interrupted run has done so.

    Raises:
        RecordDiffers: the ledger holds the batch with another output.
        LedgerError: nothing was recorded, or it is in doubt.
    """
    batch_id = record.batch_id
    if not is_recorded(ledger, batch_id):
        ledger.append([NewDecision("batch", batch_id, batch_id, record.to_json())])
        return
    content = ledger.get(batch_id).content
    before = BatchRecord.model_validate_json(content or b"{}")
    if before.output.sha256 != record.output.sha256:
        raise RecordDiffers(batch_id, record.output.sha256, before.output.sha256)
