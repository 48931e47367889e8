"""Signed-off features: their SQL, their catalogue, the table they fill."""
