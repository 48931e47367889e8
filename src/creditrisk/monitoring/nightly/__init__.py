"""The night: every job that runs unattended, one after the other, with a report of each."""
