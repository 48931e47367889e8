"""Promotion and rollback: decide, record, move, record.

Every decision stands in the ledger before anything moves. A promotion is recorded as intended, then
the aliases move, then it is recorded as done; killed in between, the next decision finds the open
intent, looks at the registry and records what became of it. Decisions about one ledger take turns,
and each is recorded only if none came between: of two at once, one moves the aliases.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from creditrisk.core.errors import CreditRiskError, Misuse
from creditrisk.core.report import Part, Report
from creditrisk.ledger import Entry, Ledger
from creditrisk.ledger.errors import LedgerMoved
from creditrisk.mlops import aliases
from creditrisk.mlops.aliases import (
    ForeignBundle,
    NothingToRollBackTo,
    OvertakenPromotion,
    RolledBackVersion,
)
from creditrisk.mlops.errors import TrackingUnavailable
from creditrisk.mlops.store import VanishingStore, require_persistent_store
from creditrisk.mlops.versions import NoChampion, NotRegistered, Standing, standing
from creditrisk.testing.promotion_case import Case, objections

KIND = "promotion"
Action = Literal["promotion", "rollback"]
Step = Literal["intended", "promoted", "rolled back", "refused", "abandoned"]
Decision = Literal["promoted", "already champion", "rolled back", "refused"]

# After these nothing has moved; any other error leaves that open.
_UNMOVED = (
    ForeignBundle,
    NoChampion,
    NotRegistered,
    NothingToRollBackTo,
    OvertakenPromotion,
    RolledBackVersion,
    VanishingStore,
)


class MissingApproval(Misuse):
    """A person decides without a name or without a reason."""

    def __init__(self, flag: str) -> None:
        super().__init__(f"{flag} is empty: say who decides and why, both are recorded.")


class TransitionRefused(CreditRiskError):
    """The aliases stay where they are."""

    def __init__(self, transition: RegistryTransition, path: Path) -> None:
        self.transition = transition
        reasons = "\n  ".join(transition.reasons)
        promoted = transition.action == "promotion"
        version = transition.to_version if promoted else transition.from_version
        super().__init__(
            f"{transition.model_name}: {transition.action} of version {version or 'unknown'} "
            f"refused:\n  {reasons}\nSee {path}"
        )


@dataclass(frozen=True, slots=True)
class Approval:
    """Who decides, and why."""

    approved_by: str
    reason: str

    def __post_init__(self) -> None:
        for flag, text in (("--approved-by", self.approved_by), ("--reason", self.reason)):
            if not text.strip():
                raise MissingApproval(flag)


class DecisionRecord(Part):
    """The content of a ledger entry of kind `promotion`.

    `intent` is the sequence of the entry that announced what this one completes.
    """

    action: Action
    step: Step
    model_name: str
    from_version: str | None
    to_version: str | None
    run_id: str | None
    bundle_sha256: str | None
    reasons: tuple[str, ...] = ()
    approved_by: str | None
    reason: str | None
    intent: int | None = None
    evidence: dict[str, str]

    @classmethod
    def of(cls, entry: Entry) -> Self:
        """The record in an entry."""
        return cls.model_validate_json(entry.text)

    def then(self, step: Step, intent: Entry, *reasons: str) -> Self:
        """What became of this intent."""
        return self.model_copy(
            update={"step": step, "intent": intent.sequence, "reasons": reasons, "evidence": {}}
        )


class RegistryTransition(Report):
    """What became of a promotion or a rollback, and every reason if it was refused.

    `ledger_sequence` and `ledger_sha256` name the entry that holds the decision; they are null where
    ledger or registry failed: the next decision completes or abandons what was begun. `evidence` holds SHA-256 by
    file. `approved_by` and `reason` are null where no person decided. The registry's answers are no
    function of the pipeline's inputs, so DVC does not track this file.
    """

    action: Action
    decision: Decision
    model_name: str
    reasons: tuple[str, ...]
    from_version: str | None
    to_version: str | None
    run_id: str | None
    bundle_sha256: str | None
    approved_by: str | None
    reason: str | None
    ledger_sequence: int | None
    ledger_sha256: str | None
    evidence: dict[str, str]

    def require_done(self, path: Path) -> None:
        """Raise `TransitionRefused` unless the registry is what was asked for."""
        if self.decision == "refused":
            raise TransitionRefused(self, path)

    def headline(self) -> str:
        """The report in one line for a person."""
        entry = f"ledger entry {self.ledger_sequence}" if self.ledger_sequence else "unrecorded"
        change = f"{self.from_version or 'none'} -> {self.to_version or 'none'}"
        return f"{self.model_name}: {self.decision} ({change}), {entry}"


def promote(
    case: Case, ledger: Ledger, approval: Approval | None, *, automatic_allowed: bool = True
) -> RegistryTransition:
    """Make the case's version the champion if nothing speaks against it.

    Args:
        case: the evidence.
        ledger: where the decision is recorded.
        approval: the person who decides; None where the pipeline does.
        automatic_allowed: whether the pipeline may promote at all.

    Raises:
        LedgerError: the decision could not be recorded; unless the message says that entries
            stand, nothing has moved.
        TrackingUnavailable: the registry fell silent while it moved the aliases; the intent stays
            open in the ledger.
    """
    name = case.settings.registry.model_name
    with ledger.deciding(KIND):
        try:
            completed = _settle(ledger, name)
            now = standing(name)
        except TrackingUnavailable as error:
            draft = _promotion_draft(case, Standing(name), approval)
            return _refused(ledger, draft, [str(error), *case.problems])
        if completed and _is_promotion_of(completed, case):
            return completed
        seen = ledger.head_of(KIND)
        against = list(objections(case, now, by_person=approval is not None))
        if approval is None and not automatic_allowed:
            against.append("promotion.automatic is false in params.yaml: a person promotes")
        against += _runner_objection(name, "Promotion")
        draft = _promotion_draft(case, now, approval)
        if against:
            return _refused(ledger, draft, against)
        if draft.from_version == draft.to_version:
            return _already_champion(ledger, draft)
        return _carried_out(ledger, seen, draft)


def roll_back(model_name: str, ledger: Ledger, approval: Approval) -> RegistryTransition:
    """Return to the champion before.

    Raises:
        LedgerError, TrackingUnavailable: see `promote`.
    """
    with ledger.deciding(KIND):
        _settle(ledger, model_name)
        now, seen = standing(model_name), ledger.head_of(KIND)
        draft = _rollback_draft(now, approval)
        against = _runner_objection(model_name, "Rollback")
        if now.champion is None:
            against.append(str(NoChampion(model_name)))
        elif now.previous is None:
            against.append(str(NothingToRollBackTo(model_name, now.champion.version)))
        if against:
            return _refused(ledger, draft, against)
        return _carried_out(ledger, seen, draft)


def unrecorded(
    action: Action, model_name: str, error: Exception, approval: Approval | None
) -> RegistryTransition:
    """The report of a decision that could not be made or recorded."""
    told = str(error) if isinstance(error, CreditRiskError) else repr(error)
    return RegistryTransition(
        action=action,
        decision="refused",
        model_name=model_name,
        reasons=(told,),
        from_version=None,
        to_version=None,
        run_id=None,
        bundle_sha256=None,
        approved_by=approval.approved_by if approval else None,
        reason=approval.reason if approval else None,
        ledger_sequence=None,
        ledger_sha256=None,
        evidence={},
    )


def _refused(ledger: Ledger, draft: DecisionRecord, against: list[str]) -> RegistryTransition:
    record = draft.model_copy(update={"step": "refused", "reasons": tuple(against)})
    return _transition(record, _append(ledger, record), "refused")


def _carried_out(ledger: Ledger, seen: str, draft: DecisionRecord) -> RegistryTransition:
    """Record the intent, move the aliases, record the outcome."""
    try:
        intent = _append(ledger, draft, seen)
    except LedgerMoved as error:
        return _refused(ledger, draft, [str(error)])
    try:
        _move(draft)
    except _UNMOVED as error:
        outcome = draft.then("refused", intent, str(error))
        return _transition(outcome, _append(ledger, outcome), "refused", draft.evidence)
    outcome = draft.then(_done(draft), intent)
    return _transition(outcome, _append(ledger, outcome), _done(draft), draft.evidence)


def _move(draft: DecisionRecord) -> None:
    if draft.action == "rollback":
        aliases.roll_back(draft.model_name, expected_champion=draft.from_version or "")
    else:
        aliases.promote(
            draft.model_name,
            draft.to_version or "",
            bundle_sha256=draft.bundle_sha256 or "",
            expected_champion=draft.from_version,
            after_rollback=draft.approved_by is not None,
        )


def _settle(ledger: Ledger, model_name: str) -> RegistryTransition | None:
    """Record what became of the last intent, where a kill left that open."""
    intent = _open_intent(ledger)
    if intent is None:
        return None
    draft = DecisionRecord.of(intent)
    champion = standing(draft.model_name).champion
    if champion is None or champion.version != draft.to_version:
        why = f"interrupted, the champion is version {champion.version if champion else 'none'}"
        _append(ledger, draft.then("abandoned", intent, why))
        return None
    outcome = draft.then(_done(draft), intent, "completed after an interruption")
    entry = _append(ledger, outcome)
    if draft.model_name != model_name:
        return None
    return _transition(outcome, entry, _done(draft), draft.evidence)


def _open_intent(ledger: Ledger) -> Entry | None:
    """The intent of which nobody has recorded what became of it; there is one at most."""
    found = None
    for entry in ledger.entries(KIND):
        record = DecisionRecord.of(entry)
        if record.step == "intended":
            found = entry
        elif found and record.intent == found.sequence:
            found = None
    return found


def _already_champion(ledger: Ledger, draft: DecisionRecord) -> RegistryTransition:
    """Nothing to decide: the entry that made this version the champion still stands."""
    entry = None
    for known in ledger.entries(KIND):
        record = DecisionRecord.of(known)
        if record.step == "promoted" and _same_version(record, draft):
            entry = known
    return _transition(draft, entry, "already champion")


def _same_version(record: DecisionRecord, draft: DecisionRecord) -> bool:
    return (record.model_name, record.to_version, record.bundle_sha256) == (
        draft.model_name,
        draft.to_version,
        draft.bundle_sha256,
    )


def _is_promotion_of(completed: RegistryTransition, case: Case) -> bool:
    return (completed.action, completed.to_version, completed.bundle_sha256) == (
        "promotion",
        case.version,
        case.bundle_sha256,
    )


def _append(ledger: Ledger, record: DecisionRecord, seen: str | None = None) -> Entry:
    return ledger.append(KIND, record.model_dump(mode="json"), expected_head=seen)


def _runner_objection(model_name: str, what: str) -> list[str]:
    try:
        require_persistent_store(f"{what} of {model_name}")
    except VanishingStore as error:
        return [str(error)]
    return []


def _promotion_draft(case: Case, now: Standing, approval: Approval | None) -> DecisionRecord:
    return DecisionRecord(
        action="promotion",
        step="intended",
        model_name=now.model_name,
        from_version=now.champion.version if now.champion else None,
        to_version=case.version,
        run_id=case.run_id,
        bundle_sha256=case.bundle_sha256,
        approved_by=approval.approved_by if approval else None,
        reason=approval.reason if approval else None,
        evidence=dict(case.evidence),
    )


def _rollback_draft(now: Standing, approval: Approval) -> DecisionRecord:
    previous = now.previous
    return DecisionRecord(
        action="rollback",
        step="intended",
        model_name=now.model_name,
        from_version=now.champion.version if now.champion else None,
        to_version=previous.version if previous else None,
        run_id=previous.run_id if previous else None,
        bundle_sha256=previous.bundle_sha256 if previous else None,
        approved_by=approval.approved_by,
        reason=approval.reason,
        evidence={},
    )


def _done(draft: DecisionRecord) -> Literal["promoted", "rolled back"]:
    return "rolled back" if draft.action == "rollback" else "promoted"


def _transition(
    record: DecisionRecord,
    entry: Entry | None,
    decision: Decision,
    evidence: Mapping[str, str] | None = None,
) -> RegistryTransition:
    shared: dict[str, Any] = record.model_dump(exclude={"step", "intent", "evidence"})
    return RegistryTransition(
        **shared,
        decision=decision,
        ledger_sequence=entry.sequence if entry else None,
        ledger_sha256=entry.sha256 if entry else None,
        evidence=dict(record.evidence if evidence is None else evidence),
    )
