"""Ledgers for the tests beside this file."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

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
