"""Ledgers with decisions, in SQLite and in a real PostgreSQL."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from decided_applicants import DecidedPlace


@pytest.fixture
def sqlite_place(tmp_path: Path) -> DecidedPlace:
    """A place in SQLite where no ledger is yet."""
    return DecidedPlace(f"sqlite:///{tmp_path / 'ledger.db'}", tmp_path)


@pytest.fixture
def place(database_url: str, tmp_path: Path) -> DecidedPlace:
    """A place without a ledger, in each kind of database."""
    return DecidedPlace(database_url, tmp_path)


@pytest.fixture
def decided(place: DecidedPlace) -> DecidedPlace:
    """A ledger of ten decisions of January 2025, on applicants 1 to 10."""
    place.decide(range(1, 11))
    return place
