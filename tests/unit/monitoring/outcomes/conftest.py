"""Ledgers with decisions, in SQLite and in a real PostgreSQL."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[2] / "ledger"))

from decided_applicants import DecidedPlace
from postgresql_server import Server, execute, program, server

BACKENDS = ["sqlite", pytest.param("postgresql", marks=pytest.mark.external)]


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """A PostgreSQL that answers."""
    pytest.importorskip("psycopg")
    if not program("initdb"):
        pytest.skip("PostgreSQL is not installed (apt install postgresql)")
    with (
        tempfile.TemporaryDirectory(prefix="creditrisk-pg-") as folder,
        server(Path(folder)) as running,
    ):
        yield running


@pytest.fixture
def sqlite_place(tmp_path: Path) -> DecidedPlace:
    """A place in SQLite where no ledger is yet."""
    return DecidedPlace(f"sqlite:///{tmp_path / 'ledger.db'}", tmp_path)


@pytest.fixture
def postgresql_place(postgresql: Server, tmp_path: Path) -> Iterator[DecidedPlace]:
    """A place in PostgreSQL, emptied afterwards."""
    yield DecidedPlace(postgresql.url, tmp_path)
    execute(postgresql.url, "drop schema public cascade", "create schema public")


@pytest.fixture(params=BACKENDS)
def place(request: pytest.FixtureRequest) -> DecidedPlace:
    """A place without a ledger, in each kind of database."""
    found = request.getfixturevalue(f"{request.param}_place")
    assert isinstance(found, DecidedPlace)
    return found


@pytest.fixture
def decided(place: DecidedPlace) -> DecidedPlace:
    """A ledger of ten decisions of January 2025, on applicants 1 to 10."""
    place.decide(range(1, 11))
    return place
