"""A server that is killed under load has lost no decision that it had acknowledged."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from api_server import feature_body, running

KILLS = 10
LOAD = Path(__file__).parents[2] / "benchmarks/load.py"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def test_kills_under_load_lose_no_acknowledged_decision(bundle: Path, tmp_path: Path) -> None:
    """Ten times the server is killed: what its clients were told stands, and the chain is whole."""
    chance = random.Random(1)  # noqa: S311  # moments, not secrets
    bodies, ids = tmp_path / "bodies.jsonl", tmp_path / "ids.txt"
    bodies.write_text(json.dumps(feature_body(bundle, 3)) + "\n")
    acknowledged: set[str] = set()
    for _ in range(KILLS):
        with running(tmp_path, "--bundle", str(bundle)) as api:
            clients = started_load(f"{api.url}/predict", bodies, ids)
            time.sleep(chance.uniform(1.0, 2.0))
            api.process.kill()
            clients.wait(timeout=60)
            told = set(ids.read_text().split())
            assert told
            acknowledged |= told
            with api.ledger() as ledger:
                assert ledger.verify().is_whole
                stored = {one.decision_id for one in ledger.after(0, 10**9, contents=False)}
            assert acknowledged <= stored


def started_load(url: str, bodies: Path, ids: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, str(LOAD), "--url", url, "--bodies", str(bodies)]
    command += ["--clients", "8", "--seconds", "30", "--ids", str(ids)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL)
