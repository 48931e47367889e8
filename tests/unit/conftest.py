"""Servers that several packages are tested against: a real PostgreSQL, a webhook."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "ledger"))
sys.path.insert(0, str(Path(__file__).parent / "observability"))

from postgresql_server import Server, execute, program, server
from webhook_server import Webhook, webhook_server

from creditrisk.observability.webhook import URL_VARIABLE


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
def postgresql_url(postgresql: Server) -> Iterator[str]:
    """An empty database of it, emptied afterwards."""
    yield postgresql.url
    execute(postgresql.url, "drop schema public cascade", "create schema public")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.external)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database, of each kind that a ledger may have."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.db'}"
    return str(request.getfixturevalue("postgresql_url"))


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Webhook]:
    """The webhook that alerts are posted to."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with webhook_server() as served:
        monkeypatch.setenv(URL_VARIABLE, served.url)
        yield served
