"""DuckDB connections within the settings."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest

from creditrisk.core.settings import ResourceSettings
from creditrisk.data.engine import (
    MemoryLimitTooLow,
    NoSpaceForOutput,
    NoSpaceForSpill,
    connect,
    memory_limit_of,
    stage_connection,
)

SCARCE = ResourceSettings(threads=1, memory_limit="60MB")
BIG_TABLE = "create table big as select hash(i) as h from range(20_000_000) t(i)"


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """No file may grow beyond that many bytes: a full disk for whoever writes one."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


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


def test_a_full_spill_disk_names_the_folder_and_the_remedies(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The stage's file, the folder, its free bytes, TMPDIR and the memory limit are all told."""
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    words = rf"features\.parquet not written: .*60MB.*{tmp_path}.* bytes are free.*TMPDIR"
    with (
        pytest.raises(NoSpaceForSpill, match=words),
        stage_connection(SCARCE, tmp_path / "features.parquet") as connection,
    ):
        connection.execute(f"set max_temp_directory_size = '1MB'; {BIG_TABLE}")
    assert list(tmp_path.iterdir()) == []


def test_a_spill_file_that_cannot_grow_is_told_alike(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The same where the system, not DuckDB's own count, refuses the write."""
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    with (
        pytest.raises(NoSpaceForSpill, match="TMPDIR"),
        largest_file(1 << 20),
        stage_connection(SCARCE, tmp_path / "features.parquet") as connection,
    ):
        connection.execute(BIG_TABLE)


def test_a_file_that_does_not_fit_is_named(tmp_path: Path) -> None:
    """The stage's file and what is free there are told, in the system's words why."""
    target = tmp_path / "features.parquet"
    with (
        pytest.raises(
            NoSpaceForOutput, match=r"features\.parquet not written: File too large; [\d,]+"
        ),
        largest_file(1 << 20),
        stage_connection(ResourceSettings(threads=1), target) as connection,
    ):
        connection.sql("select hash(i) from range(2_000_000) t(i)").write_parquet(str(target))


def test_too_little_memory_is_told_with_the_setting(tmp_path: Path) -> None:
    """A value that no spilling helps names the limit that forbids it."""
    with (
        pytest.raises(MemoryLimitTooLow, match=r"resources\.memory_limit 60MB is not enough"),
        stage_connection(SCARCE, tmp_path / "features.parquet") as connection,
    ):
        connection.execute("select list(hash(i)) from range(50_000_000) t(i)")


def test_other_failures_stay_what_they_are(tmp_path: Path) -> None:
    """A file that is not there is no lack of space."""
    with (
        pytest.raises(duckdb.IOException, match="No files found"),
        stage_connection(SCARCE, tmp_path / "features.parquet") as connection,
    ):
        connection.read_parquet(str(tmp_path / "absent.parquet"))


@pytest.mark.parametrize(
    ("setting", "low", "high"),
    [("3000000B", 2.9e6, 3.1e6), ("2GiB", 2**31, 2**31)],
)
def test_the_memory_limit_is_known_in_bytes(setting: str, low: float, high: float) -> None:
    """However the limit is written, its bytes are known, roughly where DuckDB rounds."""
    with connect(ResourceSettings(memory_limit=setting)) as connection:
        assert low <= memory_limit_of(connection) <= high
