"""What contracts refuse, and in which words."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from creditrisk.core.errors import CreditRiskError, Misuse

if TYPE_CHECKING:
    from creditrisk.contracts.verdicts import RuleOutcome


class UnknownRule(Misuse):
    """`contracts.relaxed_rules` names a rule that does not exist."""

    def __init__(self, names: Sequence[str], rules: Sequence[str]) -> None:
        self.names = tuple(names)
        problems = "; ".join(f"{name!r}{_nearest(name, rules)}" for name in names)
        super().__init__(f"params.yaml, contracts.relaxed_rules: no such rule: {problems}.")


class ContractViolated(CreditRiskError):
    """Data breaks rules of its contract; all of them are listed."""

    def __init__(self, stage: str, failures: Sequence[RuleOutcome], report: Path) -> None:
        self.stage = stage
        self.failures = tuple(failures)
        self.report = report
        count = "1 rule is" if len(failures) == 1 else f"{len(failures)} rules are"
        lines = "\n".join(f"  {failure.sentence()}" for failure in failures)
        super().__init__(f"{stage} refused its data, {count} broken:\n{lines}\nSee {report}")


def _nearest(name: str, rules: Sequence[str]) -> str:
    matches = get_close_matches(name, rules, n=3, cutoff=0.5)
    return f" (did you mean {' or '.join(matches)}?)" if matches else ""
