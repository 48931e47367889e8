"""Append-only, hash-chained, signed records: of promotions and of decisions."""

from creditrisk.ledger.decision_entries import NewDecision, StoredDecision
from creditrisk.ledger.decision_verification import DecisionVerification
from creditrisk.ledger.decisions import DecisionLedger, LedgerCondition
from creditrisk.ledger.entries import Entry, Head
from creditrisk.ledger.ledger import Ledger
from creditrisk.ledger.verification import Finding, Verification

__all__ = [
    "DecisionLedger",
    "DecisionVerification",
    "Entry",
    "Finding",
    "Head",
    "Ledger",
    "LedgerCondition",
    "NewDecision",
    "StoredDecision",
    "Verification",
]
