"""DuckDB connections within the settings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from creditrisk.core.settings import ResourceSettings
from creditrisk.data.engine import connect

if TYPE_CHECKING:
    import pytest


def test_a_connection_holds_to_the_settings() -> None:
    """Threads and memory limit are those of the settings."""
    with connect(ResourceSettings(threads=3, memory_limit="1GiB")) as connection:
        row = connection.execute(
            "select current_setting('threads'), current_setting('memory_limit')"
        ).fetchone()
    assert row == (3, "1.0 GiB")


def test_what_was_spilled_is_removed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Past the memory limit rows go to a folder of their own, gone when the connection closes."""
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    with connect(ResourceSettings(threads=1, memory_limit="80MB")) as connection:
        connection.execute("create table big as select hash(i) as h from range(20_000_000) t(i)")
        assert list(tmp_path.glob("creditrisk-spill-*/*"))
    assert list(tmp_path.iterdir()) == []
