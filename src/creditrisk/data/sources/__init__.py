"""Connectors: one module for each kind of place that raw files come from."""
