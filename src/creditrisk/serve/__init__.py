"""The API: what the scorer answers, over HTTP."""
