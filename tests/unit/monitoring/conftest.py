"""One MLflow store for the tests beside this file, and a ledger whose times a test chooses."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def store_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an MLflow database that is made once: making one takes seconds."""
    return tmp_path_factory.mktemp("mlflow")


@pytest.fixture
def shared_store(store_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """That database in use; each test has an experiment of its own."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{store_folder}/mlflow.db")
    monkeypatch.chdir(store_folder)
    return store_folder
