"""What the audit lets pass, each with a reason and a day on which it is asked again."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

FILE = Path(__file__).with_name("exceptions.toml")
_KINDS = ("advisory", "bandit", "licence")
_FIELDS = {"of", "reason", "expires"}
_SHORTEST_REASON = 20


class InvalidExceptions(Exception):
    """The file of exceptions is not of its form."""


@dataclass(frozen=True, slots=True)
class Permit:
    """One exception: `of` is an advisory and package, a rule and path, or a package."""

    kind: str
    of: str
    reason: str
    expires: date

    def covers(self, finding: str) -> bool:
        """Whether a finding is what this is about; a path may end in `/*`."""
        if self.of.endswith("/*"):
            return finding.startswith(self.of[:-1])
        return finding == self.of


def read(path: Path = FILE) -> list[Permit]:
    """The exceptions of a file.

    Raises:
        InvalidExceptions: one lacks a field, has another, or no reason worth the name.
    """
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    if unknown := sorted(set(content) - set(_KINDS)):
        raise InvalidExceptions(f"{path.name}: {', '.join(unknown)} is none of {', '.join(_KINDS)}")
    return [_permit(path, kind, entry) for kind in content for entry in content[kind]]


def _permit(path: Path, kind: str, entry: dict[str, object]) -> Permit:
    of, reason, expires = (entry.get(name) for name in ("of", "reason", "expires"))
    if (
        set(entry) != _FIELDS
        or not isinstance(of, str)
        or not isinstance(reason, str)
        or not isinstance(expires, date)
        or len(reason) < _SHORTEST_REASON
    ):
        required = "of, reason (a sentence) and expires (a date)"
        raise InvalidExceptions(f"{path.name}: {kind} {of or entry} must have {required}, no more")
    return Permit(kind, of, reason, expires)


def refused(
    kind: str, findings: Iterable[str], permits: Iterable[Permit], today: date
) -> list[str]:
    """What of the findings is not excepted, and which exceptions are expired or unused."""
    mine = [permit for permit in permits if permit.kind == kind]
    seen = list(findings)
    valid = [permit for permit in mine if today <= permit.expires]
    open_findings = [
        finding for finding in seen if not any(permit.covers(finding) for permit in valid)
    ]
    expired = [
        f"exception of {permit.of} expired on {permit.expires}"
        for permit in mine
        if permit not in valid
    ]
    unused = [
        f"exception of {permit.of} excepts nothing: delete it"
        for permit in valid
        if not any(permit.covers(finding) for finding in seen)
    ]
    return open_findings + expired + unused
