"""Whatever moment a process is killed at, every decision that was acknowledged stands."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from decision_place import DecisionPlace

KILLS = 10

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def test_kills_under_load_lose_no_acknowledged_decision(vacant: DecisionPlace) -> None:
    """Ten times two busy processes are killed: the chain is whole and holds all that was said."""
    chance = random.Random(1)  # noqa: S311  # moments, not secrets
    acknowledged: set[str] = set()
    for kill in range(KILLS):
        processes = [
            vacant.submitter(f"kill-{kill}-worker-{name}", threads=4, rounds=10**9)
            for name in ("a", "b")
        ]
        heads = [process.stdout.readline() for process in processes if process.stdout]
        time.sleep(chance.uniform(0, 0.3))
        for process in processes:
            process.kill()
        tails = [process.communicate()[0] for process in processes]
        said = "".join(head + tail for head, tail in zip(heads, tails, strict=True))
        acknowledged.update(
            line[:-1] for line in said.splitlines(keepends=True) if line[-1] == "\n"
        )
        verification = vacant.verify()
        assert verification.is_whole, verification.findings
    with vacant.open() as ledger:
        stored = [one.decision_id for one in ledger.after(0, 10**9, contents=False)]
    assert len(stored) == len(set(stored)) == vacant.verify().rows
    assert len(acknowledged) > KILLS * 2
    assert acknowledged <= set(stored)
