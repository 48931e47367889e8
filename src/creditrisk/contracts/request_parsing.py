"""The bytes of a request as JSON, refusing what is not plain JSON with each name given once."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from pydantic_core import from_json

from creditrisk.contracts.request_violations import (
    MOST_LISTED,
    RequestRefused,
    Violation,
    pointer,
    shortened,
    shown,
)

# Memory that a body takes grows with these, whatever its size in bytes.
MOST_CONTAINERS = 1_000_000
MOST_VALUES = 4_000_000
MOST_MEMBERS = 500  # of one object; the widest row has 130
_MOST_DIGITS = 400  # an integer beyond is infinite as a double

Repeated = list[tuple[dict[str, Any], str]]  # the first ones, then empty ones to be counted
_BEYOND: tuple[dict[str, Any], str] = ({}, "")


def parsed(body: bytes) -> dict[str, Any]:
    """The object that a body holds.

    NaN and Infinity, which Python's JSON accepts, are left to the rules of their columns.

    Raises:
        RequestRefused: the body is no JSON object in UTF-8, names something twice, or holds more
            objects, lists or values than any request may.
    """
    _check_size(body)
    if (plain := _plain(body)) is not None:
        return plain
    repeated: Repeated = []
    content = _content(body, repeated)
    if not isinstance(content, dict):
        raise _refused("request.json", shown(content), "a JSON object")
    if repeated:
        raise RequestRefused(
            list(_repetitions(content, repeated[:MOST_LISTED])),
            unlisted=max(0, len(repeated) - MOST_LISTED),
        )
    return content


def _check_size(body: bytes) -> None:
    containers = body.count(b"{") + body.count(b"[")
    values = body.count(b",")
    if containers > MOST_CONTAINERS or values > MOST_VALUES:
        seen = f"{containers:,} objects and lists, {values:,} commas"
        required = f"at most {MOST_CONTAINERS:,} and {MOST_VALUES:,}; send several requests"
        raise _refused("request.size", seen, required)


def _plain(body: bytes) -> dict[str, Any] | None:
    """The object of a body that is beyond doubt in order, read four times as fast; else nothing.

    Without a backslash, no colon but those after names and those in text can stand in a body. So a
    name was given twice, and the first of its values lost, unless all colons are found again.
    """
    if b"\\" in body:
        return None
    try:
        content = from_json(body, allow_inf_nan=False)
    except ValueError:
        return None
    if isinstance(content, dict) and _colons(content) == body.count(b":"):
        return content
    return None


def _colons(content: dict[str, Any]) -> int:
    """How many colons an object was written with, if each name was given once; -1 if too large."""
    count = 0
    waiting: list[Any] = [content]
    while waiting:
        holder = waiting.pop()
        if isinstance(holder, dict):
            if len(holder) > MOST_MEMBERS:
                return -1
            count += len(holder) + "".join(holder).count(":")
            holder = holder.values()
        for value in holder:
            kind = type(value)
            if kind is str:
                count += value.count(":")
            elif kind is dict or kind is list:
                waiting.append(value)
    return count


def _content(body: bytes, repeated: Repeated) -> Any:
    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(pairs) > MOST_MEMBERS:
            seen = f"an object of {len(pairs):,} members"
            raise _refused("request.size", seen, f"at most {MOST_MEMBERS}")
        members = dict(pairs)
        if len(members) != len(pairs):
            listed = len(repeated) < MOST_LISTED
            repeated.append((members, _first_repeated(pairs)) if listed else _BEYOND)
        return members

    try:
        content = _loaded(body.decode(), members, repeated)
        if b"\\u" in body:
            json.dumps(content, ensure_ascii=False).encode()
        return content  # noqa: TRY300 (what follows are its refusals)
    except UnicodeDecodeError as error:
        seen = f"byte {error.start}: {error.reason}"
    except json.JSONDecodeError as error:
        seen = f"line {error.lineno}, column {error.colno}: {error.msg}"
    except UnicodeEncodeError as error:
        seen = f"half of a surrogate pair, {shown(error.object[error.start])}"
    except RecursionError:
        seen = "lists or objects nested too deep"
    raise _refused("request.json", seen, "JSON in UTF-8")


def _loaded(text: str, members: Callable[..., Any], repeated: Repeated) -> Any:
    try:
        return json.loads(text, object_pairs_hook=members)
    except json.JSONDecodeError:
        raise
    except ValueError:  # an integer of thousands of digits
        repeated.clear()
        return json.loads(text, object_pairs_hook=members, parse_int=_integer)


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= _MOST_DIGITS else float(digits)


def _first_repeated(pairs: list[tuple[str, Any]]) -> str:
    counts = Counter(name for name, _ in pairs)
    return next(name for name, count in counts.items() if count > 1)


def _repetitions(content: dict[str, Any], repeated: Repeated) -> Iterator[Violation]:
    """Where the objects stand that name something twice."""
    names = {id(holder): name for holder, name in repeated}
    waiting: list[tuple[tuple[str | int, ...], Any]] = [((), content)]
    while waiting:
        path, value = waiting.pop()
        if id(value) in names:
            yield _repetition(path, names.pop(id(value)))
        if isinstance(value, dict):
            waiting.extend(((*path, name), member) for name, member in value.items())
        elif isinstance(value, list):
            waiting.extend(((*path, number), member) for number, member in enumerate(value))
    for name in names.values():  # in what was given under a repeated name before
        yield _repetition((), name)


def _repetition(path: tuple[str | int, ...], name: str) -> Violation:
    record = path[1] if len(path) > 1 and isinstance(path[1], int) else None
    return Violation(
        record=record,
        applicant=None,
        path=pointer(*path, name),
        column=shortened(name),
        rule="request.repeated_name",
        seen=f"{shown(name)} more than once",
        required="each name once",
    )


def _refused(rule: str, seen: str, required: str) -> RequestRefused:
    return RequestRefused([Violation(None, None, "", None, rule, seen, required)])
