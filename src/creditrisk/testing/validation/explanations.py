"""Whether the reasons given to applicants tell what the model does."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from creditrisk.core.settings import ExplanationSettings, PolicySettings
from creditrisk.models.metrics.observations import NotMeasurable
from creditrisk.testing.checks import Basis, Finding, Rule
from creditrisk.testing.fidelity import FidelityMeasurement, measure_fidelity

if TYPE_CHECKING:
    from creditrisk.testing.validation.evidence import Evidence

FAMILY = "explanations"


def rules(
    evidence: Evidence, policy: PolicySettings, bars: ExplanationSettings
) -> tuple[Rule, ...]:
    """The checks of this family, of one measurement on the test side."""
    files = (evidence.paths.manifest, evidence.paths.side("test"))

    @cache
    def measured() -> FidelityMeasurement:
        return measure_fidelity(evidence.scorer, evidence.test_side, policy, cases=bars.cases)

    def rule(name: str, holds: str, bar: str, source: str, measure: Callable[[], Finding]) -> Rule:
        basis: Basis = "policy" if name == "reason_fidelity" else "identity"
        return Rule(name, FAMILY, holds, bar, basis, source, files, measure)

    return (
        rule(
            "reason_additivity",
            "The contributions of the inputs add up to the score.",
            "largest gap in log-odds within the model's arithmetic precision",
            "Lundberg, Erion, Lee, Consistent individualized feature attribution (2018)",
            lambda: _additivity(measured()),
        ),
        rule(
            "reason_fidelity",
            "Mending the reasons named lowers the PD more than mending as many other features.",
            f"in at least {100 * bars.min_fidelity:g} % of up to {bars.cases} declined applicants",
            "deletion test: Samek et al., Evaluating the visualization of what a deep neural "
            "network has learned (2017), with features set to what is typical of the approved",
            lambda: _fidelity(measured(), bars),
        ),
        rule(
            "reason_stability",
            "The same applicant gets the same reasons, whoever else is scored and on any threads.",
            "no difference",
            "comparison of repeated explanations",
            lambda: _stability(measured()),
        ),
    )


def _additivity(measured: FidelityMeasurement) -> Finding:
    found = measured.additivity
    if not found.rows:
        raise NotMeasurable("there is no applicant", "at least one is required")
    return Finding(
        passed=found.holds,
        observed=f"{'within' if found.holds else 'beyond'} {found.tolerance:g} on {found.rows} rows",
        values={"rows": found.rows, "tolerance": found.tolerance},
    )


def _fidelity(measured: FidelityMeasurement, bars: ExplanationSettings) -> Finding:
    found = measured.deletion
    if found.share is None or found.low is None or found.high is None:
        raise NotMeasurable("nobody is declined", "at least one declined applicant is required")
    values = {
        "declined": found.declined,
        "cases": found.cases,
        "share": found.share,
        "low": found.low,
        "high": found.high,
        "named_fall": found.named_fall or 0.0,
        "random_fall": found.random_fall or 0.0,
        "unnamed_share": measured.unnamed_share or 0.0,
    }
    return Finding(
        passed=found.share >= bars.min_fidelity,
        observed=f"{100 * found.share:.1f} % of {found.cases} ({100 * found.low:.1f} to "
        f"{100 * found.high:.1f} %)",
        values=values,
    )


def _stability(measured: FidelityMeasurement) -> Finding:
    found = measured.stability
    if not found.rows:
        raise NotMeasurable("nobody is declined", "at least one declined applicant is required")
    return Finding(
        passed=not found.unstable,
        observed=f"{found.unstable} of {found.rows} differ",
        values={"rows": found.rows, "unstable": found.unstable},
    )
