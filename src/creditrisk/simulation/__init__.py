"""Months of a lender's life in minutes: generated applicants through the project's own stages."""
