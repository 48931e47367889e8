"""Whatever bytes arrive, they are a JSON object or a refusal that says what is wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from creditrisk.contracts import request_parsing
from creditrisk.contracts.request_parsing import parsed
from creditrisk.contracts.request_violations import RequestRefused, Violation
from payloads import application_record, feature_record, request_checks

CHECKS = request_checks()
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def refusal(body: bytes) -> Violation:
    with pytest.raises(RequestRefused) as refused:
        parsed(body)
    return refused.value.violations[0]


@pytest.mark.parametrize(
    ("body", "seen"),
    [
        (b"", "line 1, column 1"),
        (b"{", "line 1, column 2"),
        (b'{"a":1}x', "line 1, column 8"),
        (b"\xff\xfe", "byte 0: invalid start byte"),
        (b'{"a":"\xc3"}', "byte 6: invalid continuation byte"),
        (b'\xef\xbb\xbf{"a":1}', "Unexpected UTF-8 BOM"),
        (b'{"a":"\\ud800"}', "half of a surrogate pair"),
        (b'{"\\udfff":1}', "half of a surrogate pair"),
        (b"[" * 100_000, "nested too deep"),
        (b'{"a":' * 100_000, "nested too deep"),
        (b"[]", "a list of 0"),
        (b'"text"', '"text"'),
        (b"null", "null"),
        (b"1" * 10_000, "Infinity"),
        (b"\x80\x04\x95\x10pickle.", "invalid start byte"),
    ],
)
def test_what_is_no_json_object_is_refused(body: bytes, seen: str) -> None:
    """Broken UTF-8, broken JSON, halves of characters, depth, other values: one sentence each."""
    assert seen in refusal(body).seen
    assert refusal(body).rule == "request.json"


def test_the_surrogates_of_one_character_are_that_character() -> None:
    """A whole pair is text like any other."""
    assert parsed(b'{"a":"\\ud83d\\ude00"}') == {"a": "\N{GRINNING FACE}"}


@pytest.mark.parametrize(
    ("body", "path", "record"),
    [
        (b'{"a":1,"a":2}', "/a", None),
        (b'{"features":[{},{"X":1,"X":1}]}', "/features/1/X", 1),
        (b'{"applications":[{"bureau":[{"D":1,"D":2}]}]}', "/applications/0/bureau/0/D", 0),
        (b'{"b":{"c":1,"c":2},"b":3}', "/b", None),
        (b'{"a":1,"b":{"c~/":1,"c~/":2}}', "/b/c~0~1", None),
        (b'{"a:b":":","c" : "Trade: type 7","c"\n:2}', "/c", None),
        (b'{"a":"::","a":1}', "/a", None),
        (b'{"a":{"b":":"},"a":[{"c":":"}]}', "/a", None),
    ],
)
def test_a_name_given_twice_is_refused(body: bytes, path: str, record: int | None) -> None:
    """JSON leaves open which value would count, so that none does; the place is named."""
    violation = refusal(body)
    assert violation.rule == "request.repeated_name"
    assert (violation.path, violation.record) == (path, record)


def test_many_repetitions_are_counted_beyond_the_listed() -> None:
    """A refusal stays short however much is wrong."""
    body = b'{"a":[' + b",".join([b'{"x":1,"x":2}'] * 150) + b"]}"
    with pytest.raises(RequestRefused) as refused:
        parsed(body)
    assert (len(refused.value.violations), refused.value.unlisted) == (100, 50)


@pytest.mark.parametrize("limit", ["MOST_CONTAINERS", "MOST_VALUES"])
def test_a_body_of_too_many_parts_is_refused_unread(
    limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What would take memory out of proportion to its bytes is not even parsed."""
    monkeypatch.setattr(request_parsing, limit, 3)
    violation = refusal(b"[{},{},{},{},{}")
    assert violation.rule == "request.size"
    assert parsed(b'{"a":[1,2]}') == {"a": [1, 2]}


def test_an_object_of_too_many_members_is_refused() -> None:
    """No row has so many columns; nobody needs a violation for each."""
    wide = json.dumps({"features": [{f"X{number}": 1 for number in range(501)}]})
    violation = refusal(wide.encode())
    assert (violation.rule, violation.seen) == ("request.size", "an object of 501 members")


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_but_a_refusal(body: bytes) -> None:
    """Any bytes are an object or a refusal."""
    try:
        assert isinstance(parsed(body), dict)
    except RequestRefused as refused:
        assert refused.violations  # noqa: PT017 (either outcome is right)


@settings(deadline=None)
@given(st.dictionaries(st.text() | st.just("a:"), JSON_VALUES), st.booleans())
def test_an_object_is_what_python_reads(content: dict[str, Any], ascii_only: bool) -> None:  # noqa: FBT001 - drawn
    """Every number has the same type and bits, every text the same characters."""
    text = json.dumps(content, ensure_ascii=ascii_only)
    assert repr(parsed(text.encode())) == repr(json.loads(text))


@pytest.mark.parametrize(
    "number", ["-0", "-0.0", "5e-324", "1e400", "1E+5", "9007199254740993", "9" * 400, "1" * 5_000]
)
def test_a_number_is_what_python_reads(number: str) -> None:
    """Also where it is at the edge of what a double or an integer holds."""
    expected = float("inf") if len(number) > 4_300 else json.loads(number)
    assert repr(parsed(f'{{"a":{number}}}'.encode())["a"]) == repr(expected)


@settings(deadline=None)
@given(JSON_VALUES)
def test_no_json_raises_anything_but_a_refusal(value: Any) -> None:
    """Any JSON value as a body, as records, as a record: refused with a reason."""
    for content in (
        value,
        {"features": value},
        {"applications": value},
        {"features": [value]},
        {"applications": [value]},
        {"features": [feature_record()], "threshold": value},
    ):
        errors, _ = CHECKS.violations(json.dumps(content).encode())
        threshold = content.get("threshold") if isinstance(content, dict) else None
        fine = isinstance(threshold, int | float) and 0 <= threshold <= 1
        assert bool(errors) != (fine and not isinstance(threshold, bool))
        assert all(len(error.seen) <= 500 for error in errors)


@settings(deadline=None)
@given(st.data())
def test_no_cell_raises_anything_but_a_refusal(data: st.DataObject) -> None:
    """Any JSON value in any place of an application, nested or not, is accepted or refused."""
    record = application_record()
    holder = data.draw(st.sampled_from(list(_rows(record))))
    holder[data.draw(st.sampled_from(list(holder)) | st.text())] = data.draw(JSON_VALUES)
    errors, _ = CHECKS.violations(json.dumps({"applications": [record]}).encode())
    assert all(error.record in (0, None) and error.required for error in errors)


def _rows(record: dict[str, Any]) -> list[dict[str, Any]]:
    nested = [row for value in record.values() if isinstance(value, list) for row in value]
    return [record, *(row for one in nested for row in _rows(one))]
