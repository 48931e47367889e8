"""A check: what it holds, what was seen, the bar, and what it rests on.

Checks fail closed: evidence that is missing, unreadable or about another model leaves a check 'not
measured', and so does any error while it is measured. Each is attempted whatever became of others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from creditrisk.core.errors import CreditRiskError
from creditrisk.core.report import Number, Part
from creditrisk.testing.details import Details

Status = Literal["passed", "failed", "not measured"]
Basis = Literal["identity", "statistics", "policy"]
Checksum = Callable[[Path], str]


class Check(Part):
    """One check of a validation report.

    `basis` says what kind of bar it has: identity, two records of one thing agree; statistics, a
    difference beyond chance; policy, a threshold that the lender chose. No bar states the law.
    `evidence` holds the SHA-256 of every file that was read. `reason` is given where the check did
    not pass.
    """

    id: str
    family: str
    holds: str
    required: bool
    status: Status
    observed: str | None
    bar: str
    basis: Basis
    source: str
    reason: str | None = None
    note: str | None = None
    values: dict[str, Number]
    evidence: dict[str, str]
    details: Details | None = None

    @property
    def refuses(self) -> bool:
        """Whether the model may not go on."""
        return self.required and self.status != "passed"

    def line(self) -> str:
        """The check in one line for a person."""
        return f"{self.status:<12} {self.id}: {self.reason or self.observed}"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a measurement found; `observed` in words, `values` as numbers."""

    passed: bool
    observed: str
    values: Mapping[str, float] = field(default_factory=dict)
    details: Details | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """A check before it is measured."""

    id: str
    family: str
    holds: str
    bar: str
    basis: Basis
    source: str
    evidence: tuple[Path, ...]
    measure: Callable[[], Finding]
    note: str | None = None


def attempt(rule: Rule, checksum: Checksum, *, required: bool) -> Check:
    """Measure a rule; whatever stands in the way makes it 'not measured', never passed."""
    finding, reason = None, None
    evidence = {path.as_posix(): checksum(path) for path in rule.evidence if path.is_file()}
    missing = [path.as_posix() for path in rule.evidence if path.as_posix() not in evidence]
    if missing:
        reason = f"{', '.join(missing)} does not exist"
    else:
        try:
            finding = rule.measure()
        except CreditRiskError as error:
            reason = str(error)
        except Exception as error:  # noqa: BLE001 - a gate that cannot be measured stays closed
            reason = f"{type(error).__name__}: {error}"
    return Check(
        id=rule.id,
        family=rule.family,
        holds=rule.holds,
        required=required,
        status=_status(finding),
        observed=finding.observed if finding else None,
        bar=rule.bar,
        basis=rule.basis,
        source=rule.source,
        reason=reason or _failure(rule, finding),
        note=rule.note,
        values=dict(finding.values) if finding else {},
        evidence=evidence,
        details=finding.details if finding else None,
    )


def _status(finding: Finding | None) -> Status:
    if finding is None:
        return "not measured"
    return "passed" if finding.passed else "failed"


def _failure(rule: Rule, finding: Finding | None) -> str | None:
    if finding is None or finding.passed:
        return None
    return f"{finding.observed}; required: {rule.bar}"
