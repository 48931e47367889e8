"""Ledgers for the tests beside this file."""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from decision_place import DecisionPlace, decision
from ledger_place import Place
from postgresql_server import Server, execute, program, server

BACKENDS = ["sqlite", pytest.param("postgresql", marks=pytest.mark.external)]


@pytest.fixture
def empty(tmp_path: Path) -> Place:
    """A place where no ledger is yet."""
    return Place(tmp_path)


@pytest.fixture
def place(empty: Place) -> Place:
    """A ledger of ten entries: five singly, five in one batch."""
    with empty.open() as ledger:
        for number in range(5):
            ledger.append("promotion", {"number": number})
        ledger.append_many("scoring", [{"number": number} for number in range(5, 10)])
    return empty


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """A PostgreSQL that answers."""
    pytest.importorskip("psycopg")
    if not program("initdb"):
        pytest.skip("PostgreSQL is not installed (apt install postgresql)")
    # A socket's path may have 107 characters, which pytest's folders exceed.
    with (
        tempfile.TemporaryDirectory(prefix="creditrisk-pg-") as folder,
        server(Path(folder)) as running,
    ):
        yield running


@pytest.fixture
def sqlite_place(tmp_path: Path) -> DecisionPlace:
    """A place in SQLite where no ledger of decisions is yet."""
    return DecisionPlace(f"sqlite:///{tmp_path / 'ledger.db'}", tmp_path / "decisions_anchor.json")


@pytest.fixture
def postgresql_place(postgresql: Server, tmp_path: Path) -> Iterator[DecisionPlace]:
    """A place in PostgreSQL, emptied afterwards."""
    yield DecisionPlace(postgresql.url, tmp_path / "decisions_anchor.json")
    execute(postgresql.url, "drop schema public cascade", "create schema public")


@pytest.fixture(params=BACKENDS)
def vacant(request: pytest.FixtureRequest) -> DecisionPlace:
    """A place without a ledger of decisions, in each kind of database."""
    place = request.getfixturevalue(f"{request.param}_place")
    assert isinstance(place, DecisionPlace)
    return place


@pytest.fixture
def decisions(vacant: DecisionPlace) -> DecisionPlace:
    """A ledger of ten decisions: five singly, five in one transaction."""
    with vacant.open() as ledger:
        for number in range(1, 6):
            ledger.append([decision(number)])
        ledger.append([decision(number) for number in range(6, 11)])
    return vacant
