"""Probability-of-default models for loan applications, governed from raw file to decision."""
