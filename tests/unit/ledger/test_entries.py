from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from creditrisk.ledger.entries import Entry, canonical_text, genesis, sealed_entry
from creditrisk.ledger.errors import InvalidEntry, UnreadableEntry
from creditrisk.ledger.keys import LedgerKey

KEY = LedgerKey(b"k" * 32, "secret")
TEXTS = st.text(max_size=8)


def entry(text: str = '{"pd":0.1}') -> Entry:
    """The first entry of a ledger."""
    return sealed_entry(
        genesis("a"), "scoring", "2026-11-23T12:00:00.000000+00:00", 1, text, key=KEY
    )


def test_same_content_has_the_same_text() -> None:
    """The order in which fields were set leaves no trace, nor does the alphabet."""
    assert canonical_text("k", {"b": 1, "a": "é"}) == canonical_text("k", {"a": "é", "b": 1})
    assert canonical_text("k", {"a": "é\0"}).isascii()


@pytest.mark.parametrize("content", [{"pd": float("nan")}, {"pd": object()}, {"a": {1, 2}}])
def test_content_without_a_canonical_form_is_refused(content: dict[str, object]) -> None:
    """What JSON cannot hold is not recorded, and its value stays out of the message."""
    with pytest.raises(InvalidEntry) as refusal:
        canonical_text("scoring", content)
    assert "nan" not in str(refusal.value)


@pytest.mark.parametrize("kind", ["", "Promotion", "a b", "x" * 65, "1st"])
def test_a_kind_is_a_plain_word(kind: str) -> None:
    """A kind can be typed on a command line."""
    with pytest.raises(InvalidEntry):
        canonical_text(kind, {})


@given(TEXTS, TEXTS, TEXTS, TEXTS)
def test_no_two_entries_encode_alike(kind: str, time: str, text: str, moved: str) -> None:
    """Characters that move from one field to the next change the hash."""
    one = replace(entry(), kind=kind, recorded_at=time + moved, text=text)
    other = replace(entry(), kind=kind, recorded_at=time, text=moved + text)
    assert (one == other) == (one.computed_sha256 == other.computed_sha256)


@pytest.mark.parametrize(
    "change",
    [
        {"sequence": 2},
        {"kind": "promotion"},
        {"recorded_at": "2026-11-23T12:00:00.000001+00:00"},
        {"batch_end": 2},
        {"text": '{"pd":0.2}'},
        {"previous_sha256": "0" * 64},
    ],
    ids=lambda change: next(iter(change)),
)
def test_the_hash_covers_every_field(change: dict[str, object]) -> None:
    """Each field of an entry changes its hash."""
    assert replace(entry(), **change).computed_sha256 != entry().sha256  # type: ignore[arg-type]


def test_an_entry_fits_one_ledger_only() -> None:
    """The first entry of another ledger has another hash, whatever it holds."""
    other = sealed_entry(genesis("b"), "scoring", entry().recorded_at, 1, entry().text, key=KEY)
    assert other.sha256 != entry().sha256


def test_content_comes_back() -> None:
    """An entry gives the content that was recorded."""
    content = {"pd": 0.1, "reasons": ["R1"], "nested": {"é": None}}
    assert entry(canonical_text("scoring", content)).content == content


@pytest.mark.parametrize("text", ["", "[1]", "{", json.dumps("text")])
def test_content_that_is_no_object_is_refused(text: str) -> None:
    """Text that was replaced by something else is told, not passed on."""
    with pytest.raises(UnreadableEntry, match="Entry 1 "):
        _ = entry(text).content
