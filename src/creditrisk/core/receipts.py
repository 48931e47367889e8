"""Receipts: what orders the stages that always run.

Their reports hold run ids and versions, which DVC must not track. So each ends by writing the hash
of the bundle it has dealt with, and the next one depends on that file.
"""

from __future__ import annotations

from pathlib import Path

from creditrisk.core.files import write_text


def write_receipt(path: Path, bundle_sha256: str) -> None:
    """Note atomically that a stage is done with this bundle."""
    write_text(path, f"{bundle_sha256}\n")
