"""The history of the ledgers' tables, run by `creditrisk.ledger.schema`."""
