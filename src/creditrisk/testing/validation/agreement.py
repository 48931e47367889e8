"""Two records of the same things, compared name by name."""

from __future__ import annotations

from collections.abc import Mapping

from creditrisk.testing.checks import Finding
from creditrisk.testing.details import AgreementRow, AgreementTable


def compare(required: Mapping[str, str], seen: Mapping[str, str]) -> Finding:
    """Agreement of texts such as checksums; a name that either side lacks disagrees."""
    names = sorted({*required, *seen})
    rows = [
        AgreementRow(name=name, required=required.get(name), seen=seen.get(name))
        for name in names
        if required.get(name) != seen.get(name)
    ]
    return _finding(len(names), rows)


def compare_numbers(
    required: Mapping[str, float], seen: Mapping[str, float], tolerance: float
) -> Finding:
    """Agreement of numbers within an absolute tolerance."""
    names = sorted({*required, *seen})
    rows = [
        AgreementRow(name=name, required=_shown(required.get(name)), seen=_shown(seen.get(name)))
        for name in names
        if not _close(required.get(name), seen.get(name), tolerance)
    ]
    return _finding(len(names), rows)


def _close(one: float | None, other: float | None, tolerance: float) -> bool:
    return one is not None and other is not None and abs(one - other) <= tolerance


def _shown(value: float | None) -> str | None:
    return None if value is None else f"{value:.10g}"


def _finding(compared: int, disagreements: list[AgreementRow]) -> Finding:
    observed = f"{compared - len(disagreements)} of {compared} agree"
    if disagreements:
        observed += f", not {', '.join(row.name for row in disagreements[:5])}"
    return Finding(
        passed=bool(compared) and not disagreements,
        observed=observed,
        values={"compared": compared, "disagreements": len(disagreements)},
        details=AgreementTable(compared=compared, disagreements=tuple(disagreements)),
    )
