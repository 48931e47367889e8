from __future__ import annotations

from pathlib import Path

import pytest

from creditrisk.ledger.anchor import Anchor, AnchorFile
from creditrisk.ledger.entries import Head
from creditrisk.ledger.errors import LedgerBusy
from creditrisk.ledger.keys import LedgerKey

KEY = LedgerKey(b"k" * 32, "secret")
HEAD = Head("a ledger", 7, "f" * 64)


def test_an_anchor_is_signed_by_its_key_only() -> None:
    """The signature proves who anchored."""
    anchor = Anchor.of(HEAD, KEY)
    assert anchor.is_signed_by(KEY)
    assert not anchor.is_signed_by(LedgerKey(b"x" * 32, "secret"))


@pytest.mark.parametrize("change", [{"ledger_id": "b"}, {"sequence": 6}, {"sha256": "e" * 64}])
def test_the_signature_covers_the_whole_head(change: dict[str, object]) -> None:
    """No part of an anchor can change under its signature."""
    assert not Anchor.of(HEAD, KEY).model_copy(update=change).is_signed_by(KEY)


def test_a_prepared_anchor_is_not_yet_the_anchor(tmp_path: Path) -> None:
    """The present anchor stands until the next one is published."""
    file = AnchorFile(tmp_path / "anchor.json")
    file.prepare(Anchor.of(HEAD, KEY))
    assert not file.path.exists()
    file.publish()
    assert Anchor.read(file.path).head == HEAD
    assert [path.name for path in tmp_path.iterdir()] == ["anchor.json"]


def test_turns_exclude_each_other(tmp_path: Path) -> None:
    """Who waits too long for the turn is told, and the turn ends with its holder."""
    file = AnchorFile(tmp_path / "anchor.json")
    with file.turn(0), pytest.raises(LedgerBusy), file.turn(0.01):
        pass
    with file.turn(0):
        pass
