"""Estimators, encoding, calibration, metrics."""
