"""How groups named in the policy fare: approvals, true PDs, and what inputs tell of them.

Every threshold is the lender's policy. No check states what a law requires.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from creditrisk.core.settings import CalibrationSettings, FairnessSettings, PolicySettings
from creditrisk.models.metrics.comparison import difference_of_shares
from creditrisk.models.metrics.fairness import rate_ratio
from creditrisk.models.metrics.intervals import Estimate
from creditrisk.models.metrics.observations import NotMeasurable
from creditrisk.scoring.decisions import decision_of
from creditrisk.testing.checks import Finding, Rule
from creditrisk.testing.details import ApprovalRow, ApprovalTable, ProxyTable
from creditrisk.testing.validation.grades import calibration_within
from creditrisk.testing.validation.groups import Grouping, by_attribute
from creditrisk.testing.validation.proxies import measure_proxies

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from creditrisk.testing.scored_split import ScoredSplit
    from creditrisk.testing.validation.evidence import Evidence

FAMILY = "fairness"
Measure = Literal["ratio", "gap"]


def rules(
    evidence: Evidence,
    policy: PolicySettings,
    bars: FairnessSettings,
    calibration: CalibrationSettings,
) -> tuple[Rule, ...]:
    """The checks of this family."""
    files = (evidence.paths.manifest, evidence.paths.side("test"))
    band = calibration.observed_expected

    def rule(name: str, holds: str, bar: str, source: str, measure: Callable[[], Finding]) -> Rule:
        return Rule(name, FAMILY, holds, bar, "policy", source, files, measure)

    def of_approvals(measure: Measure) -> Finding:
        attributes = groupings(evidence, policy)
        return approvals(evidence.scored, attributes, policy, bars, measure)

    return (
        rule(
            "adverse_impact_ratio",
            "No group is approved far less often than the group approved most often.",
            f"interval of the ratio of approval rates reaches {bars.min_adverse_impact_ratio:g}",
            "ratio of selection rates as in 29 CFR 1607.4(D); interval: Katz et al. (1978)",
            lambda: of_approvals("ratio"),
        ),
        rule(
            "equal_opportunity_gap",
            "Of those who repaid, no group was approved far less often than another.",
            f"interval of the difference reaches -{bars.max_equal_opportunity_gap:g}",
            "Hardt, Price, Srebro (2016); interval: Newcombe (1998)",
            lambda: of_approvals("gap"),
        ),
        rule(
            "group_calibration",
            "PDs are true within every group.",
            f"interval of {100 * calibration.confidence:g} % confidence over all groups meets "
            f"{band.low:g} to {band.high:g}",
            "Jeffreys interval of the default rate: Brown, Cai, DasGupta (2001)",
            lambda: calibration_within(evidence.scored, groupings(evidence, policy), calibration),
        ),
        rule(
            "proxy_strength",
            "The inputs do not give away a protected attribute that is no input.",
            f"interval of the ROC-AUC of every group begins at most at {bars.max_proxy_auc:g}",
            "cross-fitted classifier of the attribute; interval: DeLong et al. (1988)",
            lambda: _proxies(evidence, policy, bars),
        ),
    )


def groupings(evidence: Evidence, policy: PolicySettings) -> list[Grouping]:
    """The groups of every protected attribute on the test side."""
    found = [
        by_attribute(evidence.test_side, name, attribute)
        for name, attribute in policy.protected_attributes.items()
    ]
    if not found:
        raise NotMeasurable("the policy names no protected attribute", "at least one is required")
    return found


@dataclass(frozen=True, slots=True)
class _Approvals:
    """Approved among the applicants of a group who count."""

    group: str
    applicants: int
    approved: int

    @property
    def rate(self) -> float:
        return self.approved / self.applicants


def approvals(
    scored: ScoredSplit,
    attributes: Sequence[Grouping],
    policy: PolicySettings,
    bars: FairnessSettings,
    measure: Measure,
) -> Finding:
    """Approvals of every group against the attribute's group that is approved most often.

    The ratio counts all applicants, the gap those who repaid.

    Raises:
        NotMeasurable: no attribute has two groups of size.
    """
    approved = decision_of(scored.pd, policy) == "approve"
    counted = scored.target == 0 if measure == "gap" else np.full(approved.shape, fill_value=True)
    rows = tuple(
        row
        for grouping in attributes
        for row in _approval_rows(grouping, approved, counted, bars, measure)
    )
    judged = [row for row in rows if row.value is not None and not row.is_reference]
    if not judged:
        raise NotMeasurable("no attribute has two groups large enough", "two are required")
    failing = [f"{row.attribute} {row.group}" for row in rows if row.holds is False]
    worst = min(judged, key=lambda row: row.value or 0.0)
    observed = (
        f"lowest {worst.value:.3f} ({worst.low:.3f} to {worst.high:.3f}, "
        f"{worst.attribute} {worst.group})"
    )
    if failing:
        observed += f"; below the bar: {', '.join(failing)}"
    return Finding(
        passed=not failing,
        observed=observed,
        values={"lowest": worst.value or 0.0, "below": len(failing)},
        details=ApprovalTable(confidence=bars.confidence, rows=rows),
    )


def _approval_rows(
    grouping: Grouping,
    approved: NDArray[np.bool_],
    counted: NDArray[np.bool_],
    bars: FairnessSettings,
    measure: Measure,
) -> Iterator[ApprovalRow]:
    cells = [
        _Approvals(group, int(members.sum()), int((approved & members).sum()))
        for place, group in enumerate(grouping.groups)
        if (members := grouping.members(place) & counted).any()
    ]
    smallest = bars.smallest_group_share * int(counted.sum())
    large = [cell for cell in cells if cell.applicants >= smallest]
    best = max(large, key=lambda cell: cell.rate, default=None)
    for cell in cells:
        estimate = _estimate(cell, best, measure, bars) if best and cell in large else None
        yield ApprovalRow(
            attribute=grouping.attribute,
            group=cell.group,
            applicants=cell.applicants,
            approved=cell.approved,
            approval_rate=cell.rate,
            is_reference=cell is best,
            holds=estimate and _holds(estimate, bars, measure),
            **(estimate._asdict() if estimate else {}),
        )


def _estimate(
    cell: _Approvals, best: _Approvals, measure: Measure, bars: FairnessSettings
) -> Estimate:
    group, reference = (cell.approved, cell.applicants), (best.approved, best.applicants)
    compare = rate_ratio if measure == "ratio" else difference_of_shares
    return compare(group, reference, bars.confidence)


def _holds(estimate: Estimate, bars: FairnessSettings, measure: Measure) -> bool:
    """A group fails where the interval lies wholly below the bar."""
    if measure == "ratio":
        return estimate.high >= bars.min_adverse_impact_ratio
    return estimate.high >= -bars.max_equal_opportunity_gap


def _proxies(evidence: Evidence, policy: PolicySettings, bars: FairnessSettings) -> Finding:
    features = evidence.bundle.manifest.features
    inputs = {feature.name for feature in features}
    columns = {name: found.column for name, found in policy.protected_attributes.items()}
    hidden = [g for g in groupings(evidence, policy) if columns[g.attribute] not in inputs]
    rows = measure_proxies(evidence.test_side, features, hidden, bars)
    table = ProxyTable(
        applicants=min(bars.proxy_rows, evidence.test_side.num_rows),
        inputs_themselves=tuple(name for name, column in columns.items() if column in inputs),
        rows=rows,
    )
    failing = [f"{row.attribute} {row.group}" for row in rows if not row.holds]
    strongest = max(rows, key=lambda row: row.roc_auc, default=None)
    observed = "every protected attribute is an input itself"
    if strongest:
        observed = f"{len(rows)} groups, best told apart: {strongest.attribute} {strongest.group}, "
        observed += f"ROC-AUC {strongest.roc_auc:.3f}"
    return Finding(not failing, observed, {"above": len(failing)}, table)
