"""What is wrong with a scoring request, in words that say where, what was seen, what is required."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from creditrisk.core.errors import CreditRiskError

MOST_LISTED = 100
_MOST_SHOWN = 80
_MOST_BITS = 256  # an integer beyond is not worth its digits


@dataclass(frozen=True, slots=True)
class Violation:
    """One rule that a request breaks in one place.

    `record` counts from 0, `path` is a JSON Pointer into the body. `applicant` and `column` are
    null where there is none, or none that can be read.
    """

    record: int | None
    applicant: int | None
    path: str
    column: str | None
    rule: str
    seen: str
    required: str

    def sentence(self) -> str:
        """The violation in one line for a person."""
        applicant = "" if self.applicant is None else f" (applicant {self.applicant})"
        return f"{self.path or '/'}{applicant}: {self.seen}; required: {self.required}"


class RequestRefused(CreditRiskError):
    """A request breaks its contract; `unlisted` counts what was found beyond `violations`."""

    def __init__(self, violations: Sequence[Violation], unlisted: int = 0) -> None:
        self.violations = tuple(violations)
        self.unlisted = unlisted
        lines = "\n".join(f"  {violation.sentence()}" for violation in self.violations)
        more = f"\n  and {unlisted:,} or more others" if unlisted else ""
        super().__init__(f"The request is refused:\n{lines}{more}")


class Findings:
    """Violations as they are found; the first are listed, the others only counted."""

    def __init__(self, limit: int = MOST_LISTED) -> None:
        self._limit = limit
        self._listed: list[Violation] = []
        self.unlisted = 0

    def add(self, describe: Callable[..., Violation], *facts: Any) -> None:
        """List the violation that the facts describe, or count it."""
        if self.full:
            self.unlisted += 1
        else:
            self._listed.append(describe(*facts))

    @property
    def full(self) -> bool:
        """Whether there is nothing more to list, so that it is not worth looking for more."""
        return len(self._listed) >= self._limit

    @property
    def listed(self) -> tuple[Violation, ...]:
        """The listed violations by record, those of the whole request first."""
        return tuple(sorted(self._listed, key=lambda one: -1 if one.record is None else one.record))

    def __bool__(self) -> bool:
        return bool(self._listed)


def shown(value: Any) -> str:
    """A value as it is quoted to its sender: short, on one line, no control characters."""
    if isinstance(value, dict):
        return f"an object of {len(value)} members"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, int) and value.bit_length() > _MOST_BITS:
        return f"an integer of {value.bit_length():,} bits"
    if isinstance(value, str):
        return shortened(json.dumps(value[: _MOST_SHOWN + 1], ensure_ascii=False))
    return json.dumps(value)


def shortened(text: str) -> str:
    """The text on one line of at most 80 characters, whatever it contains."""
    cut = text if len(text) <= _MOST_SHOWN else text[: _MOST_SHOWN - 3] + "..."
    return "".join(map(_printable, cut))


def _printable(character: str) -> str:
    if character.isprintable():
        return character
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")


def pointer(*parts: str | int) -> str:
    """The JSON Pointer (RFC 6901) of a place in the body; names that are too long are cut."""
    return "".join(f"/{_escaped(part)}" for part in parts)


def _escaped(part: str | int) -> str:
    return shortened(str(part)).replace("~", "~0").replace("/", "~1")
