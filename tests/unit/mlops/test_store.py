from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from creditrisk.mlops.store import (
    VanishingStore,
    is_absent,
    is_persistent,
    require_persistent_store,
)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No runner, no addresses."""
    for name in ("CI", "GITHUB_ACTIONS", "MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI"):
        monkeypatch.delenv(name, raising=False)


def test_a_person_s_machine_keeps_its_files() -> None:
    """Off a runner the local database is as good as any."""
    assert is_persistent()
    require_persistent_store("Promotion")


@pytest.mark.parametrize("word", ["", "0", "false", "False"])
def test_a_runner_s_variable_can_be_off(word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that says no is no runner."""
    monkeypatch.setenv("CI", word)
    assert is_persistent()


@pytest.mark.parametrize(
    "address",
    [
        "",
        "sqlite:///mlflow.db",
        "sqlite+pysqlite:///mlflow.db",
        "file:///srv/mlruns",
        "file:mlruns",
        "/srv/mlruns",
        "mlruns",
    ],
)
def test_on_a_runner_files_are_lost(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files and SQLite databases end with the runner, and so does the default."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    assert not is_persistent()


@pytest.mark.parametrize(
    "address",
    [
        "https://mlflow.example.com",
        "http://localhost:5000",
        "postgresql+psycopg2://host/mlflow",
        "databricks",
        "databricks://profile",
    ],
)
def test_on_a_runner_a_server_keeps_all(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What another machine holds outlives the runner."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    assert is_persistent()


def test_a_local_registry_beside_a_server_is_lost_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both addresses must outlive the runner."""
    monkeypatch.setenv("CI", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://mlflow.example.com")
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", "sqlite:///registry.db")
    with pytest.raises(VanishingStore, match=r"Promotion of X refused: .*MLFLOW_REGISTRY_URI"):
        require_persistent_store("Promotion of X")


CREATE_DATABASE = """
import logging
from creditrisk.mlops.store import store_client
level = logging.getLogger().level
with store_client() as client:
    client.search_experiments()
assert logging.getLogger().level == level
"""


def test_a_new_database_is_created_in_silence(tmp_path: Path) -> None:
    """A person who runs the pipeline reads nothing of migrations, even where INFO is shown."""
    environment = {**os.environ, "MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/mlflow.db"}
    script = f"import logging; logging.basicConfig(level={logging.INFO})\n{CREATE_DATABASE}"
    ended = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    assert (tmp_path / "mlflow.db").exists()
    assert "migration" not in ended.stderr
    assert "INFO" not in ended.stderr


def test_a_store_that_nobody_made_is_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A local file that is not there; a server is asked, whatever comes of it."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    assert is_absent()
    (tmp_path / "mlflow.db").touch()
    assert not is_absent()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://mlflow.example.com")
    assert not is_absent()
