"""The simulated lending problem for the tests beside this file, and one MLflow store for many."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "model"))


@pytest.fixture(scope="session")
def store_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an MLflow database that is made once: making one takes seconds."""
    return tmp_path_factory.mktemp("mlflow")


@pytest.fixture
def shared_store(store_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """That database in use, on no CI runner; each test has a model name of its own."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{store_folder}/mlflow.db")
    for name in ("CI", "GITHUB_ACTIONS", "MLFLOW_REGISTRY_URI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(store_folder)
    return store_folder
