"""What compose.yaml starts of our own images, on a real PostgreSQL, with the stack's own commands."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from api_server import golden_rows
from containers import ROOT, WAIT_SECONDS, Container, api_flags, running
from test_api_image import ask

if TYPE_CHECKING:
    from collections.abc import Iterator

    from creditrisk.mlops.bundle import Bundle

SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "compose.yaml").read_text())[
    "services"
]
ADDRESS = "postgresql+psycopg://creditrisk@/postgres?host=/sockets"


@pytest.fixture
def sockets() -> Iterator[Path]:
    """The folder in which a PostgreSQL listens that any user may ask."""
    sys.path.insert(0, str(ROOT / "tests/unit/ledger"))
    from postgresql_server import program, server

    if not program("initdb"):
        pytest.skip("PostgreSQL is not installed (apt install postgresql)")
    with tempfile.TemporaryDirectory(prefix="creditrisk-pg-") as folder, server(Path(folder)):
        Path(folder).chmod(0o755)
        yield Path(folder)


def wait_for(container: Container, code: str) -> None:
    """Run a program inside until it succeeds."""
    end = time.monotonic() + WAIT_SECONDS
    tried = f"try:\n {code}\n print('ok')\nexcept OSError as error:\n print(error)"
    while "ok" not in container.python(tried).split():
        assert container.state == "running", container.log
        assert time.monotonic() < end, container.log
        time.sleep(1)


def test_the_api_decides_into_postgresql(
    bundle: Bundle, keys: tuple[Path, str], sockets: Path
) -> None:
    """A prediction is in the ledger of decisions before it is answered."""
    import psycopg

    flags = api_flags(bundle.folder, bundle.sha256, keys[0])
    ledger = ("--env", f"CREDITRISK_LEDGER_URL={ADDRESS}", "--volume", f"{sockets}:/sockets")
    row, pd = golden_rows(bundle.folder)[0]
    with running("api", *flags, *ledger) as container:
        container.wait_until_healthy()
        answer = ask(container, keys[1], "/predict", {"features": [row]})
    (prediction,) = answer["predictions"]  # type: ignore[misc]
    assert prediction["probability"] == pd
    url = f"host={sockets} user=creditrisk dbname=postgres"
    with psycopg.connect(url) as connection:
        found = connection.execute("select decision_id from decisions").fetchall()
    assert found == [(prediction["decision_id"],)]


def test_mlflow_serves_with_the_stack_s_flags(sockets: Path) -> None:
    """Its database is made, and it answers, as confined as in the stack."""
    told = [
        f"--backend-store-uri={ADDRESS}" if "backend-store" in flag else flag
        for flag in SERVICES["mlflow"]["command"]
    ]
    entrypoint = json.dumps(SERVICES["mlflow"]["entrypoint"])
    flags = ("--entrypoint", entrypoint, "--env", "HOME=/tmp", "--volume", f"{sockets}:/sockets")
    code = "import urllib.request as r; assert r.urlopen('http://127.0.0.1:5000/health').read() == b'OK'"
    with running("batch", *flags, command=tuple(told)) as container:
        wait_for(container, code)
