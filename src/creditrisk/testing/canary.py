"""The canary: a candidate beside the champion, before anything is moved.

It asks the registry who the champion is, fetches that model's bundle and verifies it, and lets both
score the same applicants. Whatever is missing, changed or silent refuses.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from creditrisk.core.errors import CreditRiskError
from creditrisk.core.files import sha256_of
from creditrisk.core.report import Part, Report
from creditrisk.core.settings import CanarySettings, PolicySettings
from creditrisk.mlops.bundle import MANIFEST_FILE, Bundle
from creditrisk.mlops.hold_out import HoldOut
from creditrisk.mlops.versions import (
    Evidence,
    RegisteredVersion,
    Standing,
    fetch_bundle,
    standing,
)
from creditrisk.scoring.scorer import Scorer
from creditrisk.testing.canary_checks import INFORMATIONAL, Trial, rules
from creditrisk.testing.checks import Check, attempt
from creditrisk.testing.reference_set import ReferenceSummary, read_reference_set

Decision = Literal["passed", "refused", "no champion", "already champion"]
_ON_TRIAL = {"candidate", "challenger", "champion"}


class CanaryRefused(CreditRiskError):
    """A candidate may not replace the champion."""

    def __init__(self, report: CanaryReport, path: Path) -> None:
        self.report = report
        lines = "\n  ".join(check.line() for check in report.checks if check.refuses)
        super().__init__(
            f"{report.model_name}: canary refused, {report.reason}"
            + (f":\n  {lines}" if lines else ".")
            + f"\nSee {path}"
        )


class NotOnTrial(CreditRiskError):
    """The bundle belongs to a version that is no candidate any more."""

    def __init__(self, model_name: str, version: RegisteredVersion) -> None:
        super().__init__(
            f"{model_name} version {version.version} has none of the aliases "
            f"{', '.join(sorted(_ON_TRIAL))}: another version is the candidate. "
            "Run register_candidate for this one first."
        )


class Contender(Part):
    """One of the two models as the registry knows it."""

    version: str
    run_id: str
    bundle_sha256: str
    aliases: tuple[str, ...]
    evidence: Evidence
    hold_out: HoldOut | None


class CanaryReport(Report):
    """A candidate beside the champion, and whether it may replace it.

    `decision` is `no champion` where there was none to compare with: `without_champion` says what
    follows. It is `already champion` where the candidate is the champion. `evidence` holds SHA-256
    by file. The registry's answers are no function of the pipeline's inputs, so DVC does not track
    this file; fields are null where the decision came before they were known.
    """

    model_name: str
    decision: Decision
    reason: str
    without_champion: Literal["pass", "refuse"]
    confidence: float
    bundle_sha256: str | None = None
    candidate: Contender | None = None
    champion: Contender | None = None
    reference: ReferenceSummary | None = None
    checks: tuple[Check, ...] = ()
    evidence: dict[str, str]

    @property
    def lets_through(self) -> bool:
        """Whether nothing here stands in the way of a promotion."""
        if self.decision == "no champion":
            return self.without_champion == "pass"
        return self.decision != "refused"

    def check(self, name: str) -> Check:
        """The check of that id; StopIteration where there is none."""
        return next(check for check in self.checks if check.id == name)

    def headline(self) -> str:
        """The report in one line for a person."""
        versions = " against ".join(
            f"{role} version {contender.version}"
            for role, contender in (("candidate", self.candidate), ("champion", self.champion))
            if contender
        )
        return f"{self.model_name} {versions or 'candidate'}: {self.decision}, {self.reason}"


@dataclass(frozen=True, slots=True)
class CanarySubject:
    """What is compared and where: the candidate's bundle, the present test side, the bars."""

    model_name: str
    bundle: Path
    test_side: Path
    canary: CanarySettings
    policy: PolicySettings
    threads: int = 1


def run_canary(subject: CanarySubject) -> CanaryReport:
    """Compare the candidate with the champion.

    Raises:
        CreditRiskError: the bundle, the registry, the champion's bundle or the reference set is
            missing or not what it must be; there is nothing to decide on.
    """
    sealed = Bundle.load(subject.bundle)
    now = standing(subject.model_name)
    candidate = _on_trial(now, sealed)
    if now.champion is None:
        return _without_champion(subject, candidate)
    if now.champion.version == candidate.version:
        reason = "the candidate is the champion, there is nothing to compare"
        return _report(subject, "already champion", reason, candidate, now.champion)
    return _compared(subject, candidate, now.champion)


def refusal(subject: CanarySubject, error: Exception) -> CanaryReport:
    """The report of a comparison that could not be made."""
    return CanaryReport(
        model_name=subject.model_name,
        decision="refused",
        reason=str(error) if isinstance(error, CreditRiskError) else repr(error),
        without_champion=subject.canary.without_champion,
        confidence=subject.canary.confidence,
        evidence={},
    )


def _on_trial(now: Standing, bundle: Bundle) -> RegisteredVersion:
    found = now.holding(bundle)
    if not _ON_TRIAL & set(found.aliases):
        raise NotOnTrial(now.model_name, found)
    return found


def _without_champion(subject: CanarySubject, candidate: RegisteredVersion) -> CanaryReport:
    rule = subject.canary.without_champion
    reason = (
        "no version was promoted yet, so there is nothing to compare with; "
        f"params.yaml, canary.without_champion is '{rule}'"
    )
    return _report(subject, "no champion", reason, candidate, None)


def _compared(
    subject: CanarySubject, candidate: RegisteredVersion, champion: RegisteredVersion
) -> CanaryReport:
    hold_outs = {"candidate": candidate.hold_out, "champion": champion.hold_out}
    reference = read_reference_set(subject.test_side, hold_outs)
    with tempfile.TemporaryDirectory(prefix="creditrisk-champion-") as folder:
        fetched = fetch_bundle(subject.model_name, champion, Path(folder) / "bundle")
        trial = Trial(
            reference,
            Scorer.load(subject.bundle, subject.threads),
            Scorer.load(fetched.folder, subject.threads),
            subject.canary,
            subject.policy,
        )
        checks = _attempted(trial, (subject.bundle / MANIFEST_FILE, subject.test_side))
    refusing = [check.id for check in checks if check.refuses]
    reason = f"{', '.join(refusing)} did not pass" if refusing else "every required check passed"
    return _report(
        subject,
        "refused" if refusing else "passed",
        reason,
        candidate,
        champion,
        reference=reference.summary,
        checks=checks,
    )


def _attempted(trial: Trial, evidence: tuple[Path, ...]) -> tuple[Check, ...]:
    checksums = {path: sha256_of(path) for path in evidence}
    return tuple(
        attempt(rule, checksums.__getitem__, required=rule.id not in INFORMATIONAL)
        for rule in rules(trial, evidence)
    )


def _report(
    subject: CanarySubject,
    decision: Decision,
    reason: str,
    candidate: RegisteredVersion,
    champion: RegisteredVersion | None,
    *,
    reference: ReferenceSummary | None = None,
    checks: tuple[Check, ...] = (),
) -> CanaryReport:
    manifest = subject.bundle / MANIFEST_FILE
    return CanaryReport(
        model_name=subject.model_name,
        decision=decision,
        reason=reason,
        without_champion=subject.canary.without_champion,
        confidence=subject.canary.confidence,
        bundle_sha256=candidate.bundle_sha256,
        candidate=_contender(candidate),
        champion=_contender(champion) if champion else None,
        reference=reference,
        checks=checks,
        evidence={manifest.as_posix(): sha256_of(manifest)}
        | ({reference.path: reference.sha256} if reference else {}),
    )


def _contender(version: RegisteredVersion) -> Contender:
    return Contender(
        version=version.version,
        run_id=version.run_id,
        bundle_sha256=version.bundle_sha256,
        aliases=version.aliases,
        evidence=version.evidence,
        hold_out=version.hold_out,
    )
