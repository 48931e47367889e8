"""Whether outcomes say that a model no longer does what its PDs promise.

A check fails where the difference is one that matters and one that chance does not explain; all
checks of a report share one confidence (Bonferroni).
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
from creditrisk.monitoring.outcomes.relation import ScopeRelation
from creditrisk.monitoring.outcomes.samples import Outcomes, Trait

AlarmName = Literal[
    "outcome_discrimination",
    "outcome_calibration",
    "outcome_grade",
    "outcome_relation",
    "outcome_integrity",
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


def windows(months: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """What is judged of the latest months: all together, and the latest alone.

    Together they have more outcomes; alone the latest is not thinned by those before a change.
    """
    latest = {f"month {month}": (month,) for month in months[-1:] if months[1:]}
    return {ALL: tuple(months)} | latest


def judge(
    sample: Outcomes, settings: OutcomeSettings, relations: Sequence[ScopeRelation] = ()
) -> tuple[OutcomeCheck, ...]:
    """Ask of each window and of each model how they rank and how many default, and of each grade.

    The questions that can be asked share `1 - confidence` equally; one about the inputs of a window
    shares its part among them.
    """
    scopes = {
        scope: sample.where("month", *months)
        for scope, months in windows(_names(sample, "month")).items()
    }
    bundles = _names(sample, "bundle")
    models = {f"model {name[:12]}": sample.where("bundle", name) for name in bundles if bundles[1:]}
    questions = [
        question(scope, part, settings)
        for scope, part in (scopes | models).items()
        for question in (_discrimination, _calibration)
    ]
    questions += [
        _grade(f"grade {grade}" if scope == ALL else f"grade {grade}, {scope}", graded, settings)
        for scope, part in scopes.items()
        for grade in _names(part, "grade")
        for graded in (part.where("grade", grade),)
    ]
    questions += [_relation(one, settings) for one in relations]
    asked = sum(question.too_few is None for question in questions)
    significance = (1 - settings.confidence) / max(asked, 1)
    return tuple(question.answer(significance) for question in questions)


def _names(sample: Outcomes, trait: Trait) -> list[str]:
    return sample.names(trait) if sample.pd.size else []


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
        matters = promised - auc.value >= settings.max_auc_shortfall
        return matters and auc.high < promised, seen

    least, defaults = settings.min_defaults, int(sample.target.sum())
    others = sample.target.size - defaults
    few = f"{defaults} defaults and {others} others, {least} of each are needed"
    return _Question(
        name="outcome_discrimination",
        scope=scope,
        bar=f"not {settings.max_auc_shortfall:g} or more below the expected, beyond chance",
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
        too_many = ratio.value >= band.high and ratio.low > 1
        too_few = ratio.value <= band.low and ratio.high < 1
        return too_many or too_few, seen

    return _Question(
        name="outcome_calibration",
        scope=scope,
        bar=f"observed over expected within {band.low:g} to {band.high:g}, but for chance",
        too_few=_too_few(expected, settings),
        ask=ask,
    )


def _grade(scope: str, sample: Outcomes, settings: OutcomeSettings) -> _Question:
    high, expected = settings.observed_expected.high, float(sample.pd.sum())

    def ask(significance: float) -> tuple[bool, str]:
        defaults, rows = int(sample.target.sum()), sample.target.size
        p_value = jeffreys_test(defaults, rows, float(np.mean(sample.pd)))
        seen = f"{defaults} defaults of {rows}, {expected:.1f} expected, p-value {p_value:.2g}"
        return defaults >= high * expected and p_value < significance, seen

    return _Question(
        name="outcome_grade",
        scope=scope,
        bar=f"defaults below {high:g} times the expected, but for chance",
        too_few=_too_few(expected, settings),
        ask=ask,
    )


def _relation(found: ScopeRelation, settings: OutcomeSettings) -> _Question:
    bar, others = settings.max_effect_change, found.rows - found.defaults

    def ask(significance: float) -> tuple[bool, str]:
        first = found.strongest[0]
        seen = (
            f"{first.input} {first.effect:+.2f} log-odds per standard deviation, z {first.z:.1f}, "
        )
        seen += f"p-value {first.p_value:.2g}; {found.tested} inputs tested"
        return abs(first.effect) >= bar and first.p_value * found.tested < significance, seen

    few = (
        f"{found.defaults} defaults and {others} others with stored inputs, {found.tested} inputs "
    )
    few += f"tested; {settings.min_defaults} of each are needed"
    return _Question(
        name="outcome_relation",
        scope=found.scope,
        bar=f"no input with {bar:g} or more otherwise than the PDs say, beyond chance",
        too_few=None if found.tested else few,
        ask=ask,
    )


def _too_few(expected: float, settings: OutcomeSettings) -> str | None:
    least = settings.min_expected_defaults
    if expected >= least:
        return None
    return f"{expected:.1f} defaults expected, {least:g} are needed"
