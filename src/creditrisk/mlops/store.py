"""MLflow's store: where it is, who may use it now, its failures told in the project's words."""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from creditrisk.core.errors import CreditRiskError
from creditrisk.mlops.errors import TrackingUnavailable

DEFAULT_TRACKING_URI = "sqlite:///mlflow.db"
_SQLITE = "sqlite:///"
_REQUEST_RETRIES = "3"
_REQUEST_TIMEOUT_SECONDS = "20"
_RUNNER_VARIABLES = ("CI", "GITHUB_ACTIONS")
_TALKERS = ("alembic", "mlflow.store.db.utils")
_LOCAL_SCHEMES = {"sqlite", "file"}
_MANAGED_SERVERS = {"databricks", "databricks-uc"}  # these words are addresses by themselves


class VanishingStore(CreditRiskError):
    """Something would be recorded where it is lost when a CI runner ends."""

    def __init__(self, refused: str, uri: str) -> None:
        super().__init__(
            f"{refused} refused: this is a CI runner ({' or '.join(_RUNNER_VARIABLES)} is set) and "
            f"MLflow's store {uri} is lost when it ends. Set MLFLOW_TRACKING_URI to a tracking "
            "server or a database that persists, and MLFLOW_REGISTRY_URI, where it is set, too."
        )


def connect() -> ModuleType:
    """MLflow, pointed at MLFLOW_TRACKING_URI or the local database, silent about usage and migrations."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    os.environ["DO_NOT_TRACK"] = "true"
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", _REQUEST_RETRIES)
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", _REQUEST_TIMEOUT_SECONDS)
    import mlflow

    # After the import, which sets levels of its own: nobody asked how a database is created.
    for talker in _TALKERS:
        logging.getLogger(talker).setLevel(logging.WARNING)
    mlflow.set_tracking_uri(tracking_uri())
    return mlflow


def tracking_uri() -> str:
    """Where runs are kept."""
    return os.environ.get("MLFLOW_TRACKING_URI") or DEFAULT_TRACKING_URI


def is_absent() -> bool:
    """Whether the store is a local database that nobody has made; using it would make it."""
    uri = tracking_uri()
    return uri.startswith(_SQLITE) and not Path(uri.removeprefix(_SQLITE)).exists()


@contextmanager
def store_client() -> Iterator[Any]:
    """An `MlflowClient` that no other process of this machine uses at the same time.

    Not to be nested: the inner one would wait for the outer one for ever.

    Raises:
        TrackingUnavailable: the store does not answer, or refuses.
    """
    mlflow = connect()
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with _locked(tracking_uri()):
            yield mlflow.MlflowClient()
    except (mlflow.exceptions.MlflowException, SQLAlchemyError, OSError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise TrackingUnavailable(tracking_uri(), reason) from error


@contextmanager
def _locked(uri: str) -> Iterator[None]:
    path = _lock_path(uri)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _lock_path(uri: str) -> Path:
    """Beside a local database, else in the folder for temporary files."""
    if uri.startswith(_SQLITE):
        return Path(uri.removeprefix(_SQLITE) + ".lock")
    name = hashlib.sha256(uri.encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"creditrisk-tracking-{name}.lock"


def is_persistent() -> bool:
    """Whether what is recorded here outlives the machine: false on a CI runner with a local store."""
    return not _on_runner() or not any(map(_is_local, _addresses()))


def require_persistent_store(refused: str) -> None:
    """Refuse what must not be recorded where it vanishes with a CI runner.

    Args:
        refused: what is not done, as a noun: `promotion of CreditRiskPD`.

    Raises:
        VanishingStore: this is a CI runner and the store is a local file.
    """
    if not is_persistent():
        raise VanishingStore(refused, tracking_uri())


def _on_runner() -> bool:
    words = (os.environ.get(name, "") for name in _RUNNER_VARIABLES)
    return any(word.lower() not in {"", "0", "false"} for word in words)


def _addresses() -> tuple[str, ...]:
    """Where runs and, if it is another place, registered models are kept."""
    registry = os.environ.get("MLFLOW_REGISTRY_URI")
    return (tracking_uri(), registry) if registry else (tracking_uri(),)


def _is_local(uri: str) -> bool:
    scheme, separator, _ = uri.partition(":")
    if scheme in _MANAGED_SERVERS:
        return False
    return not separator or scheme.partition("+")[0] in _LOCAL_SCHEMES
