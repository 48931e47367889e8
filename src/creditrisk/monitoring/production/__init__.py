"""Production data against what a model was trained on: pulls, and windows of the decision ledger."""
