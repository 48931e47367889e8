"""The validation of a trained model: every check, and whether the model may go on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from creditrisk.core.errors import CreditRiskError, Misuse
from creditrisk.core.report import Report
from creditrisk.core.settings import (
    EvaluateSettings,
    PolicySettings,
    ValidateModelSettings,
)
from creditrisk.testing.checks import Check, Rule, attempt
from creditrisk.testing.validation import (
    alignment,
    artefacts,
    explanations,
    fairness,
    floors,
    grades,
    stability,
)
from creditrisk.testing.validation.evidence import Evidence


class UnknownChecks(Misuse):
    """`validate_model.informational` names what cannot be made informational."""

    def __init__(self, names: Sequence[str], allowed: Sequence[str]) -> None:
        super().__init__(
            f"params.yaml, validate_model.informational names {', '.join(names)}; it may name "
            f"{', '.join(allowed)}. Checks that compare content are always required."
        )


class ValidationRefused(CreditRiskError):
    """A required check failed or was not measured."""

    def __init__(self, checks: Iterable[Check], report: Path) -> None:
        self.checks = tuple(checks)
        lines = "\n  ".join(check.line() for check in self.checks)
        super().__init__(
            f"Model not validated, {len(self.checks)} required checks did not pass:\n  {lines}\n"
            f"See {report}"
        )


class PostTrainingValidation(Report):
    """Every check of one bundle; `bundle_sha256` is null where the bundle cannot be read.

    `settings` are the bars and the policy that were applied; they are the lender's policy, not
    the law.
    """

    bundle_sha256: str | None
    decision: Literal["passed", "refused"]
    refused_by: tuple[str, ...]
    settings: dict[str, Any]
    checks: tuple[Check, ...]

    def check(self, name: str) -> Check:
        """The check of that id; StopIteration where there is none."""
        return next(check for check in self.checks if check.id == name)

    def tally(self) -> tuple[int, int]:
        """How many required checks passed, and how many there are."""
        required = [check for check in self.checks if check.required]
        return sum(check.status == "passed" for check in required), len(required)

    def require_passed(self, path: Path) -> None:
        """Raise `ValidationRefused` with every check that refuses."""
        if self.decision == "refused":
            raise ValidationRefused((check for check in self.checks if check.refuses), path)

    def headline(self) -> str:
        """The report in one line for a person."""
        passed = sum(check.status == "passed" for check in self.checks)
        others = [check.id for check in self.checks if check.status != "passed"]
        shown = f"; informational and not passed: {', '.join(others)}" if others else ""
        return f"{self.decision}, {passed} of {len(self.checks)} checks passed{shown}"


@dataclass(frozen=True, slots=True)
class ValidationSettings:
    """The sections of params.yaml that decide a validation."""

    policy: PolicySettings
    evaluate: EvaluateSettings
    validate_model: ValidateModelSettings
    experiment: str


def validate(evidence: Evidence, settings: ValidationSettings) -> PostTrainingValidation:
    """Attempt every check and decide: one required check that did not pass refuses.

    Raises:
        UnknownChecks: the settings make a check informational that must not be, or none.
    """
    rules = _rules(evidence, settings)
    informational = _informational(rules, settings.validate_model.informational)
    checks = tuple(
        attempt(rule, evidence.checksum, required=rule.id not in informational) for rule in rules
    )
    refused_by = tuple(check.id for check in checks if check.refuses)
    return PostTrainingValidation(
        bundle_sha256=_bundle_sha256(evidence),
        decision="refused" if refused_by else "passed",
        refused_by=refused_by,
        settings={
            "policy": settings.policy.model_dump(mode="json"),
            "validate_model": settings.validate_model.model_dump(mode="json"),
        },
        checks=checks,
    )


def _rules(evidence: Evidence, settings: ValidationSettings) -> tuple[Rule, ...]:
    bars = settings.validate_model
    tolerance = bars.metric_tolerance
    return (
        *artefacts.rules(evidence, settings.policy, settings.evaluate, tolerance),
        *alignment.rules(evidence, settings.experiment, tolerance),
        *floors.rules(evidence, bars.floors),
        *grades.rules(evidence, settings.policy, bars.calibration),
        *stability.rules(evidence),
        *fairness.rules(evidence, settings.policy, bars.fairness, bars.calibration),
        *explanations.rules(evidence, settings.policy, bars.explanation),
    )


def _informational(rules: Sequence[Rule], names: Sequence[str]) -> frozenset[str]:
    allowed = [rule.id for rule in rules if rule.basis != "identity"]
    if unknown := sorted(set(names) - set(allowed)):
        raise UnknownChecks(unknown, allowed)
    return frozenset(names)


def _bundle_sha256(evidence: Evidence) -> str | None:
    try:
        return evidence.bundle.sha256
    except (CreditRiskError, OSError):
        return None
