"""Broken rules of contracts, counted."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from creditrisk.contracts.verdicts import RuleOutcome, TableVerdict
from creditrisk.monitoring.production.report import BrokenRule

FEATURES_COLUMNS = "features.columns"


def broken_rules(verdicts: Iterable[TableVerdict], inputs: Collection[str]) -> list[BrokenRule]:
    """What the verdicts list as broken, tolerated shares included.

    Args:
        verdicts: of raw tables, of the feature table.
        inputs: the feature columns that must be there; the contract lists some that no model reads.
    """
    return [rule for verdict in verdicts for rule in _broken(verdict, inputs)]


def refusing(rules: Iterable[BrokenRule]) -> int:
    """How often a rule was broken that refuses data."""
    return sum(rule.violations for rule in rules if rule.refuses)


def _broken(verdict: TableVerdict, inputs: Collection[str]) -> Iterator[BrokenRule]:
    for finding in verdict.findings:
        violations = _violations(finding, inputs)
        if violations:
            yield BrokenRule(
                table=verdict.table,
                rule=finding.rule,
                level=finding.level,
                violations=violations,
                rows=finding.rows,
                description=finding.description,
                because=_excuse(finding),
            )


def _violations(finding: RuleOutcome, inputs: Collection[str]) -> int:
    if finding.rule != FEATURES_COLUMNS:
        return finding.violations
    return sum(sample["column"] in inputs for sample in finding.samples)


def _excuse(finding: RuleOutcome) -> str | None:
    if finding.status == "passed":
        return f"up to a share of {finding.bound:g} is tolerated"
    return finding.relaxed_because
