"""A small model, and batches of it in a folder and a ledger of their own."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from batch_runs import Batches
from simulated_lending import sealed

from creditrisk.ledger.decisions import DecisionLedger
from creditrisk.mlops.served import unregistered
from creditrisk.scoring.batch.request import BatchModel
from creditrisk.scoring.scorer import Scorer


@pytest.fixture(scope="session")
def bundle_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a sealed model; tests only read it."""
    return sealed(tmp_path_factory.mktemp("batch_model")).folder


@pytest.fixture
def batches(tmp_path: Path, bundle_folder: Path) -> Iterator[Batches]:
    """Batches of the small model, recorded in a new ledger."""
    scorer = Scorer.load(bundle_folder)
    anchor = tmp_path / "ledger" / "anchor.json"
    with DecisionLedger.open(f"sqlite:///{tmp_path / 'ledger.db'}", anchor=anchor) as ledger:
        folder = tmp_path / "batches"
        folder.mkdir()
        yield Batches(folder, BatchModel(scorer, unregistered(scorer.bundle)), ledger)
