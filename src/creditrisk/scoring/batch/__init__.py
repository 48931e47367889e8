"""Scores whole files in chunks: the same PDs as the API, each row with a decision that can be traced."""
