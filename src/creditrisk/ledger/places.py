"""Where the ledgers lie: as told, else as the environment says, else a local default."""

from __future__ import annotations

import os
from pathlib import Path

URL_VARIABLE = "CREDITRISK_LEDGER_URL"
ANCHOR_VARIABLE = "CREDITRISK_LEDGER_ANCHOR"
DEFAULT_URL = "sqlite:///ledger/ledger.db"
DEFAULT_ANCHOR = Path("ledger/anchor.json")
DECISIONS_ANCHOR = "decisions_anchor.json"


def ledger_url(told: str | None = None) -> str:
    """The database of both ledgers."""
    return told or os.environ.get(URL_VARIABLE) or DEFAULT_URL


def promotions_anchor(told: Path | None = None) -> Path:
    """The anchor of promotions."""
    return told or Path(os.environ.get(ANCHOR_VARIABLE) or DEFAULT_ANCHOR)


def decisions_anchor(promotions: Path | None = None) -> Path:
    """The anchor of decisions, beside that of promotions."""
    return promotions_anchor(promotions).with_name(DECISIONS_ANCHOR)
