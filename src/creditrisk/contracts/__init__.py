"""What data must look like, written once: raw tables, features, splits, payloads."""
