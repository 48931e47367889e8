"""The HTTP API: takes applications or feature rows, answers PDs, decisions and reasons."""
