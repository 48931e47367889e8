"""The chain behind a decision: ledger, model version, run, commit, settings, data.

What is shown was recorded when it happened. Whether it still holds is a check of its own, with
three verdicts: what could not be looked at is 'not verified', never assumed.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from creditrisk.core.errors import CreditRiskError, MissingFile
from creditrisk.core.files import sha256_of
from creditrisk.core.report import Part, Report
from creditrisk.core.settings import ResourceSettings
from creditrisk.data.applicant_rows import applicant_rows
from creditrisk.ledger import DecisionLedger, StoredDecision
from creditrisk.ledger.errors import UnknownDecision
from creditrisk.mlops.bundle import Bundle, TrainingSnapshot
from creditrisk.mlops.errors import BundleRefused
from creditrisk.mlops.provenance import source_sha256
from creditrisk.mlops.registry import data_snapshot_sha256
from creditrisk.mlops.run_record import run_of_id
from creditrisk.mlops.served import (
    BundleNotFound,
    ServedModel,
    archived_bundle,
    recovered_bundle,
)
from creditrisk.mlops.store import is_absent
from creditrisk.mlops.tracking import BUNDLE_TAG
from creditrisk.mlops.versions import standing
from creditrisk.reporting.traced_content import (
    BatchFacts,
    DecisionFacts,
    RefusalFacts,
    TracedContent,
    traced_content,
)
from creditrisk.scoring.batch.record import row_of

Verdict = Literal["verified", "refuted", "not verified"]

_NO_STORE = "there is no MLflow store here"


class Check(Part):
    """Whether one link of the chain holds."""

    subject: str
    verdict: Verdict
    detail: str


class LedgerPlace(Part):
    """Where the ledger holds the decision, and its proof."""

    sequence: int
    kind: str
    decision_id: str
    request_id: str
    recorded_at: str
    content_sha256: str
    previous_sha256: str
    sha256: str


class RegistryFacts(Part):
    """What the registry says of the version today."""

    model_name: str
    version: str
    aliases: tuple[str, ...]
    evidence: str
    rolled_back: bool
    run_id: str
    bundle_sha256: str
    git_commit: str | None


class RunFacts(Part):
    """The MLflow run that holds the model."""

    run_id: str
    git_commit: str | None
    bundle_sha256: str | None
    parameters: dict[str, str]


class DecisionTrace(Report):
    """A decision and all that it rests on.

    One of `decision`, `batch` and `refusal` is there, none where the content is not kept any more. `model`
    is what the ledger recorded, `registry` and `run` what MLflow says today, null where it cannot be
    asked. `settings` and `snapshot` stand in the bundle; `raw_rows` counts the applicant's rows in
    the raw files that are here now.
    """

    decision_id: str
    ledger: LedgerPlace
    decision: DecisionFacts | None
    batch: BatchFacts | None
    refusal: RefusalFacts | None
    model: ServedModel | None
    registry: RegistryFacts | None
    run: RunFacts | None
    settings: dict[str, Any] | None
    snapshot: TrainingSnapshot | None
    raw_rows: dict[str, int] | None
    checks: tuple[Check, ...]

    @property
    def is_refuted(self) -> bool:
        """Whether some link does not hold."""
        return any(check.verdict == "refuted" for check in self.checks)


@dataclass(frozen=True, slots=True)
class TraceSources:
    """Where a trace looks; counting rows and hashing take as long as reading all raw files."""

    served: Path
    raw: Path
    resources: ResourceSettings
    count_raw_rows: bool = True
    check_raw_files: bool = False


def trace_decision(
    ledger: DecisionLedger, decision_id: str, sources: TraceSources
) -> DecisionTrace:
    """Follow a decision back to the data of its model.

    Raises:
        InvalidDecisionId, UnknownDecision: the ledger has none of that id, nor a batch with that row.
        DamagedDecision: what the ledger holds is not what was recorded.
        LedgerUnavailable: it cannot be read.
    """
    stored, row = _found(ledger, decision_id)
    content = traced_content(stored, row)
    checks = [
        _verified("entry", "its hash, its signature and its content agree"),
        *_place_checks(ledger, stored),
        *(Check(subject=one, verdict=verdict, detail=why) for one, verdict, why in content.checks),
    ]
    traced = _Chain(content, sources, checks)
    return DecisionTrace(
        decision_id=decision_id,
        ledger=_place(stored),
        decision=content.decision,
        batch=content.batch,
        refusal=content.refusal,
        model=content.model,
        registry=traced.registry(),
        run=traced.run(),
        settings=traced.settings(),
        snapshot=traced.snapshot(),
        raw_rows=traced.raw_rows(),
        checks=tuple(checks),
    )


class _Chain:
    """Follows the recorded model; each step adds what it could check."""

    def __init__(self, content: TracedContent, sources: TraceSources, checks: list[Check]) -> None:
        self._content = content
        self._model = content.model
        self._sources = sources
        self._checks = checks
        self._bundle = self._found_bundle()

    def registry(self) -> RegistryFacts | None:
        """The version today; its bundle, run and commit must be those recorded."""
        model = self._model
        if model is None:
            return None
        if model.version is None:
            self._unknown("model version", "the bundle was served without a registry")
            return None
        if is_absent():
            self._unknown("model version", _NO_STORE)
            return None
        try:
            version = standing(model.model_name).version(model.version)
        except CreditRiskError as error:
            self._unknown("model version", str(error))
            return None
        facts = RegistryFacts(
            model_name=model.model_name,
            version=version.version,
            aliases=version.aliases,
            evidence=version.evidence,
            rolled_back=version.rolled_back,
            run_id=version.run_id,
            bundle_sha256=version.bundle_sha256,
            git_commit=version.tags.get("git_commit"),
        )
        recorded = (model.bundle_sha256, model.run_id, model.git_commit)
        today = (facts.bundle_sha256, facts.run_id, facts.git_commit)
        self._compare("model version", "bundle, run and commit in the registry", recorded, today)
        return facts

    def run(self) -> RunFacts | None:
        """The run; it must hold the recorded bundle and commit."""
        model = self._model
        if model is None or model.run_id is None:
            return None
        if is_absent():
            self._unknown("run", _NO_STORE)
            return None
        try:
            record = run_of_id(model.run_id)
        except CreditRiskError as error:
            self._unknown("run", str(error))
            return None
        facts = RunFacts(
            run_id=record.run_id,
            git_commit=record.tags.get("git_commit"),
            bundle_sha256=record.tags.get(BUNDLE_TAG),
            parameters=dict(record.parameters),
        )
        recorded = (model.bundle_sha256, model.git_commit)
        self._compare(
            "run", "bundle and commit of the run", recorded, (facts.bundle_sha256, facts.git_commit)
        )
        return facts

    def settings(self) -> dict[str, Any] | None:
        """The settings that the model was fitted with; says whether the code here is that code."""
        if self._model and self._model.git_commit in {None, "unknown"}:
            self._unknown("commit", "none was recorded: the model was not fitted in a git checkout")
        if self._bundle is None:
            return None
        if self._bundle.manifest.source_sha256 == source_sha256():
            self._add_verified("source code", "what is installed here is what fitted the model")
        else:
            self._unknown("source code", "another version is installed here; check the commit out")
        return self._bundle.manifest.params

    def snapshot(self) -> TrainingSnapshot | None:
        """The checksums of the data; they must add up to the one recorded."""
        if self._model is None or self._bundle is None:
            return None
        manifest = self._bundle.manifest
        self._compare(
            "data snapshot",
            "checksums in the bundle",
            (self._model.data_snapshot_sha256, self._model.feature_set_sha256),
            (data_snapshot_sha256(manifest.snapshot), manifest.feature_set_sha256),
        )
        self._check_raw_files(manifest.snapshot)
        return manifest.snapshot

    def raw_rows(self) -> dict[str, int] | None:
        """The applicant's rows in the raw files that lie here."""
        applicant, raw = self._content.applicant, self._sources.raw
        if applicant is None or not self._sources.count_raw_rows:
            return None
        if not raw.is_dir():
            self._unknown("raw rows", f"{raw} is not here")
            return None
        try:
            return applicant_rows(raw, applicant, self._sources.resources)
        except CreditRiskError as error:
            self._unknown("raw rows", str(error))
            return None

    def _found_bundle(self) -> Bundle | None:
        """The bundle from the archive, else from the registry, without keeping a copy."""
        model = self._model
        if model is None:
            return None
        try:
            bundle = archived_bundle(self._sources.served, model.bundle_sha256)
        except MissingFile:
            bundle = None
        except BundleRefused as error:
            self._checks.append(Check(subject="archive", verdict="refuted", detail=str(error)))
            bundle = None
        bundle = bundle or self._fetched_bundle(model)
        if bundle:
            self._add_verified("bundle", "the manifest and every file have the recorded hashes")
        return bundle

    def _fetched_bundle(self, model: ServedModel) -> Bundle | None:
        with tempfile.TemporaryDirectory() as folder:
            try:
                return recovered_bundle(Path(folder), model.bundle_sha256, model.model_name)
            except BundleNotFound as error:
                self._unknown("bundle", error.reasons[-1])
                return None

    def _check_raw_files(self, snapshot: TrainingSnapshot) -> None:
        raw = self._sources.raw
        if not self._sources.check_raw_files:
            self._unknown("raw files", "not hashed now (--check-files does)")
            return
        for name, required in snapshot.raw.items():
            if (raw / name).is_file():
                self._compare(f"raw file {name}", "SHA-256", required, sha256_of(raw / name))
            else:
                self._unknown(f"raw file {name}", f"{raw / name} is not here")

    def _compare(self, subject: str, what: str, recorded: object, seen: object) -> None:
        if recorded == seen:
            self._add_verified(subject, f"{what}: as recorded")
        else:
            detail = f"{what}: recorded {recorded}, seen {seen}"
            self._checks.append(Check(subject=subject, verdict="refuted", detail=detail))

    def _add_verified(self, subject: str, detail: str) -> None:
        self._checks.append(_verified(subject, detail))

    def _unknown(self, subject: str, why: str) -> None:
        self._checks.append(Check(subject=subject, verdict="not verified", detail=why))


def _found(ledger: DecisionLedger, decision_id: str) -> tuple[StoredDecision, int | None]:
    """The entry, and the row of it where the id names a row of a batch."""
    try:
        return ledger.get(decision_id), None
    except UnknownDecision:
        place = row_of(decision_id)
        if place is None:
            raise
    batch_id, row = place
    try:
        return ledger.get(batch_id), row
    except UnknownDecision:
        raise UnknownDecision(decision_id) from None


def _place(stored: StoredDecision) -> LedgerPlace:
    return LedgerPlace(**{name: getattr(stored, name) for name in LedgerPlace.model_fields})


def _place_checks(ledger: DecisionLedger, stored: StoredDecision) -> list[Check]:
    """Whether the entries on both sides know this one; `creditrisk ledger verify` asks all."""
    around = ledger.after(max(0, stored.sequence - 2), 3, contents=False)
    by_place = {entry.sequence: entry for entry in around}
    before, after = by_place.get(stored.sequence - 1), by_place.get(stored.sequence + 1)
    joints = []
    if before or stored.sequence > 1:
        seen = before.sha256 if before else None
        joints.append(("the entry before it", stored.previous_sha256, seen))
    if after:
        joints.append(("the entry after it", after.previous_sha256, stored.sha256))
    broken = [name for name, required, seen in joints if required != seen]
    if broken:
        detail = f"does not fit to {' and '.join(broken)}"
        return [Check(subject="place in the chain", verdict="refuted", detail=detail)]
    fits = " and ".join(name for name, _, _ in joints) or "nothing: it is the only entry"
    return [_verified("place in the chain", f"fits to {fits}")]


def _verified(subject: str, detail: str) -> Check:
    return Check(subject=subject, verdict="verified", detail=detail)
