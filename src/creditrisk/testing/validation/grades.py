"""Whether PDs are true: by risk grade, overall, by segment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from creditrisk.core.settings import CalibrationSettings, PolicySettings
from creditrisk.models.metrics.grades import (
    binomial_test,
    hosmer_lemeshow,
    jeffreys_interval,
    jeffreys_test,
    observed_expected_by_rate,
    traffic_light,
)
from creditrisk.models.metrics.observations import NotMeasurable
from creditrisk.scoring.decisions import grade_of
from creditrisk.testing.checks import Basis, Finding, Rule
from creditrisk.testing.details import CalibrationRow, CalibrationTable, GradeRow, GradeTable
from creditrisk.testing.validation.groups import Grouping, segments

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from creditrisk.testing.scored_split import ScoredSplit
    from creditrisk.testing.validation.evidence import Evidence

FAMILY = "calibration"
_JEFFREYS = (
    "Jeffreys test: European Central Bank, Instructions for reporting the validation results of "
    "internal models (2019), 2.5.3.1; binomial test: Basel Committee working paper 14 (2005)"
)
_RATE_INTERVAL = "Jeffreys interval of the default rate: Brown, Cai, DasGupta (2001)"
_HOSMER = "Hosmer, Lemeshow, Sturdivant, Applied Logistic Regression (2013), 5.2"


def rules(
    evidence: Evidence, policy: PolicySettings, bars: CalibrationSettings
) -> tuple[Rule, ...]:
    """The checks of this family."""
    band = bars.observed_expected
    files = (evidence.paths.manifest, evidence.paths.side("test"))

    def rule(name: str, holds: str, bar: str, source: str, measure: Callable[[], Finding]) -> Rule:
        basis: Basis = "statistics" if name == "hosmer_lemeshow" else "policy"
        return Rule(name, FAMILY, holds, bar, basis, source, files, measure)

    together = f"{100 * bars.confidence:g} % confidence"
    return (
        rule(
            "grade_calibration",
            "No risk grade defaults materially more often than its PD says.",
            f"no grade above {band.high:g} times its PD with {together} over all grades",
            _JEFFREYS,
            lambda: grade_finding(evidence.scored, policy, bars),
        ),
        rule(
            "observed_expected",
            "As many applicants default as the PDs add up to.",
            f"interval of {together} meets {band.low:g} to {band.high:g}",
            _RATE_INTERVAL,
            lambda: _overall(evidence.scored, bars),
        ),
        rule(
            "segment_calibration",
            "PDs are true within product, age, income and credit history too.",
            f"interval of {together} over all segments meets {band.low:g} to {band.high:g}",
            _RATE_INTERVAL,
            lambda: calibration_within(evidence.scored, segments(evidence.test_side), bars),
        ),
        rule(
            "hosmer_lemeshow",
            "Defaults by tenth of risk scatter about the PDs no more than by chance.",
            f"p-value at least {bars.hosmer_lemeshow_p:g}",
            _HOSMER,
            lambda: _hosmer_lemeshow(evidence.scored, bars),
        ),
    )


def grade_finding(
    scored: ScoredSplit, policy: PolicySettings, bars: CalibrationSettings
) -> Finding:
    """Every grade's tests; fails where a grade's PD is materially too low beyond chance."""
    grades = grade_of(scored.pd, policy)
    rows = [
        _grade_row(name, bound, scored, grades == name, bars)
        for name, bound in policy.grades.items()
    ]
    filled = [row for row in rows if row.rows]
    level = (1 - bars.confidence) / len(filled)
    too_low = [row.grade for row in filled if _exceeds(row, bars, level)]
    lights = {
        light: sum(row.light == light for row in filled) for light in ("green", "amber", "red")
    }
    observed = ", ".join(f"{count} {light}" for light, count in lights.items())
    if too_low:
        observed += f"; PD too low in {', '.join(too_low)}"
    values = {**lights, "too_low": len(too_low)}
    return Finding(not too_low, observed, values, GradeTable(rows=tuple(rows)))


def _grade_row(
    name: str,
    bound: float,
    scored: ScoredSplit,
    members: NDArray[np.bool_],
    bars: CalibrationSettings,
) -> GradeRow:
    rows, defaults = int(members.sum()), int(scored.target[members].sum())
    if not rows:
        return GradeRow(grade=name, pd_below=bound, rows=0, defaults=0)
    mean_pd = float(np.mean(scored.pd[members]))
    p_value = jeffreys_test(defaults, rows, mean_pd)
    low, high = jeffreys_interval(defaults, rows, bars.confidence)
    return GradeRow(
        grade=name,
        pd_below=bound,
        rows=rows,
        defaults=defaults,
        mean_pd=mean_pd,
        default_rate=defaults / rows,
        low=low,
        high=high,
        jeffreys_p=p_value,
        binomial_p=binomial_test(defaults, rows, mean_pd),
        light=traffic_light(p_value, bars.amber, bars.red),
    )


def _exceeds(row: GradeRow, bars: CalibrationSettings, level: float) -> bool:
    """Whether the default rate exceeds the highest tolerated one beyond chance."""
    tolerated = min(1.0, (row.mean_pd or 0.0) * bars.observed_expected.high)
    return jeffreys_test(row.defaults, row.rows, tolerated) < level


def _overall(scored: ScoredSplit, bars: CalibrationSettings) -> Finding:
    rows, defaults = scored.target.size, int(scored.target.sum())
    ratio = observed_expected_by_rate(defaults, rows, float(np.mean(scored.pd)), bars.confidence)
    band = bars.observed_expected
    return Finding(
        passed=ratio.low <= band.high and ratio.high >= band.low,
        observed=f"{ratio.value:.4f} ({ratio.low:.4f} to {ratio.high:.4f})",
        values=ratio._asdict(),
    )


def calibration_within(
    scored: ScoredSplit, groupings: Sequence[Grouping], bars: CalibrationSettings
) -> Finding:
    """Observed over expected defaults of every group that has an applicant."""
    cells = [
        (grouping.attribute, group, members)
        for grouping in groupings
        for place, group in enumerate(grouping.groups)
        if (members := grouping.members(place)).any()
    ]
    if not cells:
        raise NotMeasurable("there is no group", "at least one is required")
    confidence = 1 - (1 - bars.confidence) / len(cells)
    rows = tuple(_calibration_row(scored, *cell, bars, confidence) for cell in cells)
    failing = [f"{row.attribute} {row.group}" for row in rows if not row.holds]
    # The one whose interval lies furthest from 1; a handful of applicants has a wide one.
    worst = max(rows, key=lambda row: max(row.low, 1 / row.high))
    observed = f"{len(rows)} groups, furthest {worst.observed_expected:.3f} ({worst.low:.3f} to "
    observed += f"{worst.high:.3f}, {worst.attribute} {worst.group})"
    if failing:
        observed += f"; outside: {', '.join(failing)}"
    table = CalibrationTable(confidence=confidence, rows=rows)
    return Finding(not failing, observed, {"groups": len(rows), "outside": len(failing)}, table)


def _calibration_row(  # noqa: PLR0917 - a cell's three parts are one argument to callers
    scored: ScoredSplit,
    attribute: str,
    group: str,
    members: NDArray[np.bool_],
    bars: CalibrationSettings,
    confidence: float,
) -> CalibrationRow:
    rows, defaults = int(members.sum()), int(scored.target[members].sum())
    mean_pd = float(np.mean(scored.pd[members]))
    ratio = observed_expected_by_rate(defaults, rows, mean_pd, confidence)
    band = bars.observed_expected
    return CalibrationRow(
        attribute=attribute,
        group=group,
        rows=rows,
        defaults=defaults,
        mean_pd=mean_pd,
        default_rate=defaults / rows,
        observed_expected=ratio.value,
        low=ratio.low,
        high=ratio.high,
        holds=ratio.low <= band.high and ratio.high >= band.low,
    )


def _hosmer_lemeshow(scored: ScoredSplit, bars: CalibrationSettings) -> Finding:
    test = hosmer_lemeshow(scored.target, scored.pd)
    values = {
        "statistic": test.statistic,
        "degrees_of_freedom": test.degrees_of_freedom,
        "p_value": test.p_value,
    }
    observed = f"{test.statistic:.2f} on {test.degrees_of_freedom} degrees, p {test.p_value:.4f}"
    return Finding(test.p_value >= bars.hosmer_lemeshow_p, observed, values)
