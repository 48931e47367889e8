"""An append-only, hash-chained, signed record of decisions: promotions, scoring."""

from creditrisk.ledger.entries import Entry, Head
from creditrisk.ledger.ledger import Ledger
from creditrisk.ledger.verification import Finding, Verification

__all__ = ["Entry", "Finding", "Head", "Ledger", "Verification"]
