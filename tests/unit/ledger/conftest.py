"""Ledgers for the tests beside this file."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from decision_place import DecisionPlace, decision
from ledger_place import Place


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


@pytest.fixture
def sqlite_place(tmp_path: Path) -> DecisionPlace:
    """A place in SQLite where no ledger of decisions is yet."""
    return DecisionPlace(f"sqlite:///{tmp_path / 'ledger.db'}", tmp_path / "decisions_anchor.json")


@pytest.fixture
def postgresql_place(postgresql_url: str, tmp_path: Path) -> DecisionPlace:
    """A place in PostgreSQL where no ledger of decisions is yet."""
    return DecisionPlace(postgresql_url, tmp_path / "decisions_anchor.json")


@pytest.fixture
def vacant(database_url: str, tmp_path: Path) -> DecisionPlace:
    """A place without a ledger of decisions, in each kind of database."""
    return DecisionPlace(database_url, tmp_path / "decisions_anchor.json")


@pytest.fixture
def decisions(vacant: DecisionPlace) -> DecisionPlace:
    """A ledger of ten decisions: five singly, five in one transaction."""
    with vacant.open() as ledger:
        for number in range(1, 6):
            ledger.append([decision(number)])
        ledger.append([decision(number) for number in range(6, 11)])
    return vacant
