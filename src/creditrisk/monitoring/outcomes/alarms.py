"""Whether outcomes say that a model no longer does what its PDs promise.

A check fails where the difference is one that matters and one that chance does not explain; all
checks of a report share one confidence (Bonferroni).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from creditrisk.core.report import Part
from creditrisk.core.settings import OutcomeSettings
from creditrisk.models import metrics
from creditrisk.models.metrics.grades import jeffreys_test, observed_expected_by_rate
from creditrisk.monitoring.outcomes.expectation import expected_roc_auc
from creditrisk.monitoring.outcomes.portions import Portion, portions
from creditrisk.monitoring.outcomes.relation import ScopeRelation
from creditrisk.monitoring.outcomes.samples import Outcomes

AlarmName = Literal[
    "outcome_discrimination",
    "outcome_calibration",
    "outcome_grade",
    "outcome_relation",
    "outcome_integrity",
]
CheckStatus = Literal["quiet", "alarm", "not measured"]


class OutcomeCheck(Part):
    """One question that was asked of the latest outcomes; `scope` says of which.

    `models` are the hashes of the bundles whose decisions they are: an answer about several is no
    answer about one of them. There are none where the records themselves are in question.
    """

    name: AlarmName
    scope: str
    models: tuple[str, ...] = ()
    status: CheckStatus
    observed: str
    bar: str

    @property
    def reason(self) -> str:
        """The alarm in one line for a person."""
        several = f" ({len(self.models)} models)" if self.models[1:] else ""
        return f"{self.scope}{several}: {self.observed}; bar: {self.bar}"


class OutcomeAlarm(Part):
    """A check that failed, and why; `models` as there."""

    name: AlarmName
    scope: str
    models: tuple[str, ...] = ()
    reason: str


@dataclass(frozen=True, slots=True)
class _Question:
    """A check before it is known how many are asked together.

    `too_few` says why it cannot be asked; `ask` answers whether it fails at a significance.
    """

    name: AlarmName
    portion: Portion
    bar: str
    too_few: str | None
    ask: Callable[[float], tuple[bool, str]]

    def answer(self, significance: float) -> OutcomeCheck:
        status: CheckStatus = "not measured"
        observed = self.too_few or ""
        if not self.too_few:
            fails, observed = self.ask(significance)
            status = "alarm" if fails else "quiet"
        return OutcomeCheck(
            name=self.name,
            scope=self.portion.scope,
            models=self.portion.models,
            status=status,
            observed=observed,
            bar=self.bar,
        )


def judge(
    sample: Outcomes, settings: OutcomeSettings, relations: Sequence[ScopeRelation] = ()
) -> tuple[OutcomeCheck, ...]:
    """Ask of each portion how the PDs rank and how many default, and of each of its grades.

    `relations` are those of the portions, if they are known. The questions that can be asked share
    `1 - confidence` equally; one about the inputs of a portion shares its part among them.
    """
    related = {one.scope: one for one in relations}
    questions: list[_Question] = []
    for portion in portions(sample):
        part = sample.where("month", *portion.months).where("bundle", *portion.models)
        questions += [
            _discrimination(portion, part, settings),
            _calibration(portion, part, settings),
        ]
        questions += [
            _grade(portion.about(f"grade {grade}"), part.where("grade", grade), settings)
            for grade in part.names("grade")
        ]
        if portion.scope in related:
            questions.append(_relation(portion, related[portion.scope], settings))
    asked = sum(question.too_few is None for question in questions)
    significance = (1 - settings.confidence) / max(asked, 1)
    return tuple(question.answer(significance) for question in questions)


def alarms_of(checks: Sequence[OutcomeCheck]) -> tuple[OutcomeAlarm, ...]:
    """The checks that failed."""
    return tuple(
        OutcomeAlarm(name=check.name, scope=check.scope, models=check.models, reason=check.reason)
        for check in checks
        if check.status == "alarm"
    )


def _discrimination(portion: Portion, sample: Outcomes, settings: OutcomeSettings) -> _Question:
    def ask(significance: float) -> tuple[bool, str]:
        confidence = 1 - 2 * significance  # one side alarms
        auc = metrics.roc_auc_estimate(sample.target, sample.pd, confidence)
        expected = expected_roc_auc(sample.pd, settings.interval_confidence)
        promised = expected.value if expected else 0.0
        seen = f"ROC-AUC {auc.value:.4f} (at most {auc.high:.4f}), expected {promised:.4f}"
        matters = promised - auc.value >= settings.max_auc_shortfall
        return matters and auc.high < promised, seen

    least, defaults = settings.min_defaults, sample.defaults
    others = sample.target.size - defaults
    few = f"{defaults} defaults and {others} others, {least} of each are needed"
    return _Question(
        name="outcome_discrimination",
        portion=portion,
        bar=f"not {settings.max_auc_shortfall:g} or more below the expected, beyond chance",
        too_few=few if min(defaults, others) < least else None,
        ask=ask,
    )


def _calibration(portion: Portion, sample: Outcomes, settings: OutcomeSettings) -> _Question:
    band = settings.observed_expected

    def ask(significance: float) -> tuple[bool, str]:
        ratio = observed_expected_by_rate(
            sample.defaults, sample.target.size, sample.mean_pd, 1 - significance
        )
        seen = f"{sample.defaults} defaults, {sample.expected:.1f} expected: "
        seen += f"{ratio.value:.3f} ({ratio.low:.3f} to {ratio.high:.3f})"
        too_many = ratio.value >= band.high and ratio.low > 1
        too_few = ratio.value <= band.low and ratio.high < 1
        return too_many or too_few, seen

    return _Question(
        name="outcome_calibration",
        portion=portion,
        bar=f"observed over expected within {band.low:g} to {band.high:g}, but for chance",
        too_few=_too_few(sample.expected, settings),
        ask=ask,
    )


def _grade(portion: Portion, sample: Outcomes, settings: OutcomeSettings) -> _Question:
    most = settings.observed_expected.high * sample.expected

    def ask(significance: float) -> tuple[bool, str]:
        p_value = jeffreys_test(sample.defaults, sample.target.size, sample.mean_pd)
        seen = f"{sample.defaults} defaults of {sample.target.size}, "
        seen += f"{sample.expected:.1f} expected, p-value {p_value:.2g}"
        return sample.defaults >= most and p_value < significance, seen

    return _Question(
        name="outcome_grade",
        portion=portion,
        bar=f"defaults below {settings.observed_expected.high:g} times the expected, but for chance",
        too_few=_too_few(sample.expected, settings),
        ask=ask,
    )


def _relation(portion: Portion, found: ScopeRelation, settings: OutcomeSettings) -> _Question:
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
        portion=portion,
        bar=f"no input with {bar:g} or more otherwise than the PDs say, beyond chance",
        too_few=None if found.tested else few,
        ask=ask,
    )


def _too_few(expected: float, settings: OutcomeSettings) -> str | None:
    least = settings.min_expected_defaults
    if expected >= least:
        return None
    return f"{expected:.1f} defaults expected, {least:g} are needed"
