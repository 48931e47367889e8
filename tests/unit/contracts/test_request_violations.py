"""What was seen is quoted so that no log line, terminal or page is harmed by it."""

from __future__ import annotations

from typing import Any

import pytest

from creditrisk.contracts.request_violations import (
    Findings,
    RequestRefused,
    Violation,
    pointer,
    shown,
)


def violation(record: int | None = None) -> Violation:
    return Violation(record, 7, "/features/0/X", "X", "features.X.range", "5", "at most 1")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "null"),
        (True, "true"),
        (5, "5"),
        (0.1, "0.1"),
        (float("nan"), "NaN"),
        (float("-inf"), "-Infinity"),
        ("a\nb\x1b[31m", '"a\\nb\\u001b[31m"'),
        ("\N{RIGHT-TO-LEFT OVERRIDE}x", '"\\u202ex"'),
        ("\ud800", '"\\ud800"'),
        ("gr\xfcn", '"gr\xfcn"'),
        ({"a": 1}, "an object of 1 members"),
        ([1, 2], "a list of 2"),
        (10**400, "an integer of 1,329 bits"),
    ],
)
def test_a_value_is_quoted_on_one_line(value: Any, words: str) -> None:
    """Control, format and broken characters are escaped; huge values are described."""
    assert shown(value) == words


def test_a_long_value_is_cut() -> None:
    """Nobody reads a megabyte in a message."""
    assert len(shown("x" * 1_000_000)) == 80


def test_a_pointer_escapes_what_it_must() -> None:
    """RFC 6901: ~ is ~0 and / is ~1; a long name is cut."""
    assert pointer("a/b", 0, "c~") == "/a~1b/0/c~0"
    assert len(pointer("x" * 1_000)) == 81


def test_violations_beyond_the_limit_are_counted() -> None:
    """Once a list is full, what is found is no longer described."""
    findings = Findings(limit=2)
    for record in (3, None, 1):
        findings.add(violation, record)
    assert [one.record for one in findings.listed] == [None, 3]
    assert (findings.full, findings.unlisted) == (True, 1)


def test_a_refusal_names_place_applicant_and_what_is_required() -> None:
    """The message alone tells a caller what to mend."""
    message = str(RequestRefused([violation(0)], unlisted=1_200))
    assert "/features/0/X (applicant 7): 5; required: at most 1" in message
    assert "and 1,200 or more others" in message
