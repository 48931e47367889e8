"""Whether scores and inputs of new applicants look like those that the model learnt from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from creditrisk.models.metrics.observations import NotMeasurable
from creditrisk.testing.checks import Finding, Rule
from creditrisk.testing.details import ShiftRow, ShiftTable

if TYPE_CHECKING:
    from creditrisk.testing.validation.evidence import Evidence, MeasuredDrift, MeasuredShift

FAMILY = "stability"
_SOURCE = (
    "Siddiqi, Credit Risk Scorecards (2006), for the index; Yurdakul and Naranjo, Statistical "
    "properties of the population stability index (2020), for the critical value"
)
_BAR = "stable: below the bars of monitor_drift, or no further than chance explains"


def rules(evidence: Evidence) -> tuple[Rule, ...]:
    """The checks of this family, which rest on the drift report of train against test side."""
    paths = evidence.paths
    files = (paths.drift, paths.manifest, paths.side("train"), paths.side("test"))
    score = Rule(
        id="score_stability",
        family=FAMILY,
        holds="The scores of the test side are distributed like those of the train side.",
        bar=_BAR,
        basis="statistics",
        source=_SOURCE,
        evidence=files,
        measure=lambda: _finding(evidence.drift, [evidence.drift.score]),
    )
    inputs = Rule(
        id="input_stability",
        family=FAMILY,
        holds="Every model input of the test side is distributed like that of the train side.",
        bar=_BAR,
        basis="statistics",
        source=_SOURCE,
        evidence=files,
        measure=lambda: _inputs(evidence),
    )
    return score, inputs


def _inputs(evidence: Evidence) -> Finding:
    drift, names = evidence.drift, {f.name for f in evidence.bundle.manifest.features}
    missing = sorted(names - {shift.name for shift in drift.features})
    if missing:
        seen = f"the drift report lacks {', '.join(missing[:5])}"
        raise NotMeasurable(seen, "every model input must be compared")
    return _finding(drift, drift.features)


def _finding(drift: MeasuredDrift, shifts: Sequence[MeasuredShift]) -> Finding:
    unmeasured = [shift.name for shift in shifts if shift.status == "not measured"]
    if unmeasured:
        seen = f"{', '.join(unmeasured[:5])} could not be compared"
        raise NotMeasurable(seen, "enough rows on both sides are required")
    moved = [shift for shift in shifts if shift.status != "stable"]
    largest = max(shifts, key=lambda shift: shift.value or 0.0)
    beyond = sum((s.value or 0.0) > (s.critical_value or 0.0) for s in shifts)
    observed = f"largest {largest.value:.4f} ({largest.name})"
    if moved:
        observed += f"; moved: {', '.join(shift.name for shift in moved[:5])}"
    return Finding(
        passed=not moved,
        observed=observed,
        values={"largest": largest.value or 0.0, "moved": len(moved), "beyond_chance": beyond},
        details=_table(drift, shifts),
    )


def _table(drift: MeasuredDrift, shifts: Sequence[MeasuredShift]) -> ShiftTable:
    return ShiftTable(
        reference=drift.reference.name,
        current=drift.current.name,
        confidence=drift.confidence,
        rows=tuple(
            ShiftRow(
                name=shift.name,
                value=shift.value,
                critical_value=shift.critical_value,
                status=shift.status,
            )
            for shift in shifts
        ),
    )
