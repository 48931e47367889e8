from __future__ import annotations

from pathlib import Path

from creditrisk.core.receipts import write_receipt


def test_a_receipt_holds_the_bundle_s_hash_alone(tmp_path: Path) -> None:
    """Neither time nor run: the same bundle leaves the same bytes."""
    path = tmp_path / "receipts" / "stage.txt"
    write_receipt(path, "1" * 64)
    write_receipt(path, "2" * 64)
    assert path.read_bytes() == b"2" * 64 + b"\n"
