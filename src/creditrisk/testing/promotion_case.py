"""The case for a promotion: the evidence as it lies there now, and everything that speaks against it.

Each report must be readable, about this bundle, this version and this champion, and passed; every
file that a report names as its evidence must still have the checksum that it had then. Reasons are
collected, never cut short: whoever is refused learns all of them at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

from creditrisk.core.errors import CreditRiskError
from creditrisk.core.files import sha256_of
from creditrisk.core.settings import (
    CanarySettings,
    PolicySettings,
    RegistrySettings,
    ValidateModelSettings,
)
from creditrisk.mlops.bundle import MANIFEST_FILE, Bundle
from creditrisk.mlops.registry import METRIC_TAG_PREFIX, RegistryPromotion
from creditrisk.mlops.versions import RegisteredVersion, Standing
from creditrisk.testing.canary import CanaryReport
from creditrisk.testing.post_training import PostTrainingValidation
from creditrisk.testing.validation.evidence import MeasuredDrift

_ON_TRIAL = {"candidate", "challenger", "champion"}
_UNSETTLED = {"drifted", "not measured"}

Document = TypeVar("Document")


class ReadDrift(Protocol):
    """Reads the drift report; which package wrote it is not this one's concern."""

    def __call__(self, path: Path, /) -> MeasuredDrift:
        """The report in that file."""


@dataclass(frozen=True, slots=True)
class CasePaths:
    """Where the evidence lies."""

    bundle: Path
    validation: Path
    registration: Path
    canary: Path
    drift: Path

    @property
    def manifest(self) -> Path:
        """The bundle's manifest, whose checksum is the bundle's."""
        return self.bundle / MANIFEST_FILE


@dataclass(frozen=True, slots=True)
class CaseSettings:
    """The sections of params.yaml that the evidence must have been made under."""

    registry: RegistrySettings
    canary: CanarySettings
    policy: PolicySettings
    validate_model: ValidateModelSettings


@dataclass(frozen=True, slots=True)
class Case:
    """What a promotion would rest on. Null is what could not be read; `problems` says why.

    `evidence` holds the present SHA-256 of every file that was read or is named by a report.
    """

    settings: CaseSettings
    paths: CasePaths
    bundle: Bundle | None
    validation: PostTrainingValidation | None
    registration: RegistryPromotion | None
    canary: CanaryReport | None
    drift: MeasuredDrift | None
    problems: tuple[str, ...]
    evidence: Mapping[str, str] = field(default_factory=dict)

    @property
    def bundle_sha256(self) -> str | None:
        """The bundle that is to be promoted."""
        return self.bundle.sha256 if self.bundle else None

    @property
    def version(self) -> str | None:
        """The version that is to be promoted."""
        return self.registration.version if self.registration else None

    @property
    def run_id(self) -> str | None:
        """The run that the version was registered from."""
        return self.registration.run_id if self.registration else None


def read_case(paths: CasePaths, settings: CaseSettings, read_drift: ReadDrift) -> Case:
    """Read all evidence; what cannot be read is a problem of the case, not an error."""
    problems: list[str] = []

    def read(reader: Callable[[Path], Document], path: Path) -> Document | None:
        try:
            return reader(path)
        except (CreditRiskError, OSError, UnicodeDecodeError) as error:
            told = isinstance(error, CreditRiskError)
            problems.append(str(error) if told else f"{path} cannot be read: {error}")
            return None

    validation = read(PostTrainingValidation.read, paths.validation)
    canary = read(CanaryReport.read, paths.canary)
    recorded = [path for path, _ in _recorded_evidence(validation, canary)]
    own = (paths.manifest, paths.validation, paths.registration, paths.canary, paths.drift)
    files = sorted({*recorded, *(path.as_posix() for path in own)})
    return Case(
        settings=settings,
        paths=paths,
        bundle=read(Bundle.load, paths.bundle),
        validation=validation,
        registration=read(RegistryPromotion.read, paths.registration),
        canary=canary,
        drift=read(read_drift, paths.drift),
        problems=tuple(problems),
        evidence={name: sha256_of(Path(name)) for name in files if Path(name).is_file()},
    )


def objections(case: Case, now: Standing, *, by_person: bool) -> tuple[str, ...]:
    """Everything that speaks against promoting, in plain sentences; empty if nothing does.

    Args:
        case: the evidence.
        now: the registry at this moment.
        by_person: a person may promote the first model ever where the rule leaves it to one, and a
            version that was rolled back.
    """
    return (
        *case.problems,
        *_registration_objections(case, now, by_person=by_person),
        *_validation_objections(case),
        *_canary_objections(case, now, by_person=by_person),
        *_drift_objections(case),
        *_changed_evidence(case),
    )


def _registration_objections(case: Case, now: Standing, *, by_person: bool) -> Iterator[str]:
    report, path = case.registration, case.paths.registration
    if report is None:
        return
    if report.decision == "refused":
        yield f"{path}: registration was refused, {report.reason}"
        return
    if report.model_name != now.model_name:
        yield f"{path} is about model {report.model_name}, required: {now.model_name}"
    yield from _about_bundle(case, path, report.bundle_sha256)
    bar = case.settings.registry
    if (report.metric, report.bar) != (bar.promote_on_metric, bar.promote_min_value):
        yield (
            f"{path} was made with the bar {report.metric} {report.bar:g}, params.yaml has "
            f"{bar.promote_on_metric} {bar.promote_min_value:g}"
        )
    found = next((known for known in now.versions if known.version == report.version), None)
    if found is None:
        yield f"{path}: version {report.version} is not in the registry"
    else:
        yield from _registry_objections(case, report, found)
        if found.rolled_back and not by_person:
            yield f"version {found.version} was rolled back, only a person may bring it back"


def _registry_objections(
    case: Case, report: RegistryPromotion, found: RegisteredVersion
) -> Iterator[str]:
    path, name = case.paths.registration, f"version {found.version}"
    if case.bundle and found.bundle_sha256 != case.bundle.sha256:
        yield (
            f"{name} is registered with bundle {found.bundle_sha256[:12]}, the model is "
            f"{case.bundle.sha256[:12]}"
        )
    if report.run_id != found.run_id:
        yield f"{path} is about run {report.run_id}, {name} is registered from run {found.run_id}"
    registered = found.tags.get(f"{METRIC_TAG_PREFIX}{report.metric}")
    stated = "nothing" if report.value is None else f"{report.value:.10g}"
    if registered != stated:
        yield f"{path} states {report.metric} {stated}, {name} is registered with {registered}"
    if not _ON_TRIAL & set(found.aliases):
        yield f"{name} is no candidate any more: another version was registered since"


def _validation_objections(case: Case) -> Iterator[str]:
    report, path = case.validation, case.paths.validation
    if report is None:
        return
    yield from _about_bundle(case, path, report.bundle_sha256)
    refusing = [check for check in report.checks if check.refuses]
    for check in refusing:
        yield f"{path}: {check.line()}"
    if not report.checks:
        yield f"{path} holds no check"
    if report.decision != "passed" and not refusing:
        yield f"{path}: validation was refused"
    settings = case.settings
    required = {
        "policy": settings.policy.model_dump(mode="json"),
        "validate_model": settings.validate_model.model_dump(mode="json"),
    }
    if report.settings != required:
        yield f"{path} was made with other bars or another policy than params.yaml has now"


def _canary_objections(case: Case, now: Standing, *, by_person: bool) -> Iterator[str]:
    report, path = case.canary, case.paths.canary
    if report is None:
        return
    yield from _about_bundle(case, path, report.bundle_sha256)
    yield from _canary_subject_objections(case, report, now)
    refusing = [check for check in report.checks if check.refuses]
    for check in refusing:
        yield f"{path}: {check.line()}"
    if report.decision == "refused" and not refusing:
        yield f"{path}: {report.reason}"
    if report.decision == "passed" and not report.checks:
        yield f"{path} holds no check"
    rule = case.settings.canary.without_champion
    if report.decision == "no champion" and rule == "refuse" and not by_person:
        yield f"{path}: the first model is left to a person (canary.without_champion is 'refuse')"


def _canary_subject_objections(case: Case, report: CanaryReport, now: Standing) -> Iterator[str]:
    path = case.paths.canary
    candidate = report.candidate.version if report.candidate else None
    if candidate != case.version:
        yield f"{path} is about version {candidate}, required: {case.version}"
    elif report.candidate and report.candidate.run_id != case.run_id:
        yield f"{path} is about run {report.candidate.run_id}, required: {case.run_id}"
    compared = report.champion.version if report.champion else None
    champion = now.champion.version if now.champion else None
    if compared != champion:
        yield (
            f"{path} is stale: it compared with champion {compared or 'none'}, the champion is "
            f"{champion or 'none'}"
        )
    if report.decision == "already champion" and candidate != champion:
        yield f"{path} takes version {candidate} for the champion, which it is not"


def _drift_objections(case: Case) -> Iterator[str]:
    report, path = case.drift, case.paths.drift
    if report is None:
        return
    yield from _about_bundle(case, path, report.bundle_sha256)
    for shift in (report.score, *report.features):
        if shift.status in _UNSETTLED:
            yield f"{path}: {shift.name} {shift.status}"
    if not report.features:
        yield f"{path} compares no input"


def _changed_evidence(case: Case) -> Iterator[str]:
    """Files that are no longer what a report rested on, and files that none rested on."""
    recorded = list(_recorded_evidence(case.validation, case.canary))
    for name, required in recorded:
        seen = case.evidence.get(name)
        if seen is None:
            yield f"{name} does not exist, the evidence rests on it"
        elif seen != required:
            yield f"{name} has changed since it was evidence: {seen[:12]}, then {required[:12]}"
    if case.validation is None:
        return
    named = {name for check in case.validation.checks for name in check.evidence}
    for path in (case.paths.manifest, case.paths.drift):
        if path.as_posix() not in named:
            yield f"{case.paths.validation} does not rest on {path}"


def _recorded_evidence(
    validation: PostTrainingValidation | None, canary: CanaryReport | None
) -> Sequence[tuple[str, str]]:
    """Path and SHA-256 of every file that validation and canary read."""
    recorded: dict[tuple[str, str], Any] = {}
    for report in (validation, canary):
        for check in report.checks if report else ():
            recorded |= dict.fromkeys(check.evidence.items())
    recorded |= dict.fromkeys(canary.evidence.items() if canary else ())
    return sorted(recorded)


def _about_bundle(case: Case, path: Path, seen: str | None) -> Iterator[str]:
    if case.bundle and seen != case.bundle.sha256:
        about = seen[:12] if seen else "no bundle"
        yield f"{path} is about bundle {about}, the model is {case.bundle.sha256[:12]}"
