"""Whether outcomes say that a model no longer does what its PDs promise.

Every check allows for chance: the checks of a report share one confidence (Bonferroni), and each
asks for more than a difference that chance explains, a difference that matters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from creditrisk.core.report import Part
from creditrisk.core.settings import OutcomeSettings
from creditrisk.models import metrics
from creditrisk.models.metrics.grades import jeffreys_test, observed_expected_by_rate
from creditrisk.monitoring.outcomes.expectation import expected_roc_auc
from creditrisk.monitoring.outcomes.samples import Outcomes

AlarmName = Literal[
    "outcome_discrimination", "outcome_calibration", "outcome_grade", "outcome_integrity"
]
CheckStatus = Literal["quiet", "alarm", "not measured"]
ALL = "all"


class OutcomeCheck(Part):
    """One question that was asked of the latest outcomes; `scope` says of which."""

    name: AlarmName
    scope: str
    status: CheckStatus
    observed: str
    bar: str

    @property
    def reason(self) -> str:
        """The alarm in one line for a person."""
        return f"{self.scope}: {self.observed}; bar: {self.bar}"


class OutcomeAlarm(Part):
    """A check that failed, and why."""

    name: AlarmName
    scope: str
    reason: str


@dataclass(frozen=True, slots=True)
class _Question:
    """A check before it is known how many are asked together.

    `too_few` says why it cannot be asked; `ask` answers whether it fails at a significance.
    """

    name: AlarmName
    scope: str
    bar: str
    too_few: str | None
    ask: Callable[[float], tuple[bool, str]]

    def answer(self, significance: float) -> OutcomeCheck:
        if self.too_few:
            status, observed = "not measured", self.too_few
        else:
            fails, observed = self.ask(significance)
            status = "alarm" if fails else "quiet"
        return OutcomeCheck.model_validate(
            {
                "name": self.name,
                "scope": self.scope,
                "status": status,
                "observed": observed,
                "bar": self.bar,
            }
        )


def judge(sample: Outcomes, settings: OutcomeSettings) -> tuple[OutcomeCheck, ...]:
    """Ask of all outcomes and of each model's how they rank and how many default, and each grade.

    The questions that can be asked share `1 - confidence` equally.
    """
    scopes = {ALL: sample}
    bundles = sample.names("bundle") if sample.pd.size else []
    if len(bundles) > 1:
        scopes |= {f"model {name[:12]}": sample.where("bundle", name) for name in bundles}
    questions = [
        question(scope, part, settings)
        for scope, part in scopes.items()
        for question in (_discrimination, _calibration)
    ]
    grades = sample.names("grade") if sample.pd.size else []
    questions += [_grade(f"grade {g}", sample.where("grade", g), settings) for g in grades]
    asked = sum(question.too_few is None for question in questions)
    significance = (1 - settings.confidence) / max(asked, 1)
    return tuple(question.answer(significance) for question in questions)


def alarms_of(checks: Sequence[OutcomeCheck]) -> tuple[OutcomeAlarm, ...]:
    """The checks that failed."""
    return tuple(
        OutcomeAlarm(name=check.name, scope=check.scope, reason=check.reason)
        for check in checks
        if check.status == "alarm"
    )


def _discrimination(scope: str, sample: Outcomes, settings: OutcomeSettings) -> _Question:
    def ask(significance: float) -> tuple[bool, str]:
        confidence = 1 - 2 * significance  # one side alarms
        auc = metrics.roc_auc_estimate(sample.target, sample.pd, confidence)
        expected = expected_roc_auc(sample.pd, settings.interval_confidence)
        promised = expected.value if expected else 0.0
        seen = f"ROC-AUC {auc.value:.4f} (at most {auc.high:.4f}), expected {promised:.4f}"
        return auc.high < promised - settings.max_auc_shortfall, seen

    least, defaults = settings.min_defaults, int(sample.target.sum())
    others = sample.target.size - defaults
    few = f"{defaults} defaults and {others} others, {least} of each are needed"
    return _Question(
        name="outcome_discrimination",
        scope=scope,
        bar=f"not surely more than {settings.max_auc_shortfall:g} below the expected ROC-AUC",
        too_few=few if min(defaults, others) < least else None,
        ask=ask,
    )


def _calibration(scope: str, sample: Outcomes, settings: OutcomeSettings) -> _Question:
    band, expected = settings.observed_expected, float(sample.pd.sum())

    def ask(significance: float) -> tuple[bool, str]:
        defaults, rows = int(sample.target.sum()), sample.target.size
        ratio = observed_expected_by_rate(
            defaults, rows, float(np.mean(sample.pd)), 1 - significance
        )
        seen = f"{defaults} defaults, {expected:.1f} expected: "
        seen += f"{ratio.value:.3f} ({ratio.low:.3f} to {ratio.high:.3f})"
        return ratio.low > band.high or ratio.high < band.low, seen

    return _Question(
        name="outcome_calibration",
        scope=scope,
        bar=f"observed over expected not surely outside {band.low:g} to {band.high:g}",
        too_few=_too_few(expected, settings),
        ask=ask,
    )


def _grade(scope: str, sample: Outcomes, settings: OutcomeSettings) -> _Question:
    high, expected = settings.observed_expected.high, float(sample.pd.sum())

    def ask(significance: float) -> tuple[bool, str]:
        defaults, rows = int(sample.target.sum()), sample.target.size
        p_value = jeffreys_test(defaults, rows, min(1.0, float(np.mean(sample.pd)) * high))
        seen = f"{defaults} defaults of {rows}, {expected:.1f} expected, p-value {p_value:.2g}"
        return p_value < significance, seen

    return _Question(
        name="outcome_grade",
        scope=scope,
        bar=f"defaults not surely more than {high:g} times the expected",
        too_few=_too_few(expected, settings),
        ask=ask,
    )


def _too_few(expected: float, settings: OutcomeSettings) -> str | None:
    least = settings.min_expected_defaults
    if expected >= least:
        return None
    return f"{expected:.1f} defaults expected, {least:g} are needed"
