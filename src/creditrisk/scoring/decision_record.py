"""What the ledger keeps of an answer: all that a trace and a replay need, as compact JSON."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self

from creditrisk.core.files import sha256_of_json
from creditrisk.core.report import Part, Report
from creditrisk.core.settings import PolicySettings
from creditrisk.mlops.served import ServedModel
from creditrisk.models.explanation import Reason
from creditrisk.scoring.answers import Answer, Cell
from creditrisk.scoring.decisions import Decision

Form = Literal["applications", "features"]
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: sorts as the numbers do


class Origin(Part):
    """Who asked when: the same for all records of a request; `received_at` is UTC, ISO 8601."""

    request_id: str
    caller: str
    received_at: str
    form: Form


class PolicyBands(Part):
    """The lender's bands at the time of the decision."""

    approve_below: float
    decline_from: float
    grades: dict[str, float]

    @classmethod
    def of(cls, policy: PolicySettings) -> Self:
        """The bands of a policy."""
        return cls(
            approve_below=policy.approve_below,
            decline_from=policy.decline_from,
            grades=dict(policy.grades),
        )


class Warned(Part):
    """A rule of level warning that a record broke; it refuses nothing."""

    rule: str
    column: str | None = None


class DecisionRecord(Report):
    """One decision.

    `inputs` are the applicant's part of the request as it came, `inputs_sha256` the hash of their
    canonical JSON. `features` are what the model read, null where the inputs are themselves
    features. Both are null where inputs are not stored: a replay then needs them handed in.
    """

    kind: Literal["decision"] = "decision"
    origin: Origin
    record: int
    sk_id_curr: int
    inputs: dict[str, Any] | None
    inputs_sha256: str
    features: dict[str, Any] | None
    probability: float
    prediction: int
    threshold: float
    threshold_overridden: bool
    decision: Decision
    grade: str
    reasons: tuple[Reason, ...]
    warnings: tuple[Warned, ...]
    model: ServedModel
    policy: PolicyBands

    def to_json(self) -> bytes:
        """The record as the ledger keeps it."""
        return self.model_dump_json().encode()


def decision_record(
    answer: Answer,
    *,
    origin: Origin,
    record: int,
    inputs: Mapping[str, Any],
    features: Mapping[str, Cell] | None,
    overridden: bool,
    warnings: Sequence[Warned],
    model: ServedModel,
    policy: PolicyBands,
    store_inputs: bool,
) -> DecisionRecord:
    """The record of an answer.

    Args:
        answer: what the applicant is answered.
        origin: who asked when.
        record: the place in the request, from 0.
        inputs: the applicant's part of the request as parsed from JSON.
        features: what the model read; null where `inputs` are the features.
        overridden: whether the caller set the threshold.
        warnings: rules of level warning that the record broke.
        model: which model answered.
        policy: the bands that decided.
        store_inputs: whether inputs and features are kept.
    """
    return DecisionRecord.model_construct(
        kind="decision",
        origin=origin,
        record=record,
        sk_id_curr=answer.sk_id_curr,
        inputs=inputs if store_inputs else None,
        inputs_sha256=sha256_of_json(inputs),
        features=features if store_inputs else None,
        probability=answer.probability,
        prediction=answer.prediction,
        threshold=answer.threshold,
        threshold_overridden=overridden,
        decision=answer.decision,
        grade=answer.grade,
        reasons=answer.reasons,
        warnings=tuple(warnings),
        model=model,
        policy=policy,
    )


def new_decision_id() -> str:
    """26 characters that sort by time (a ULID): 48 bits of milliseconds, 80 bits of chance."""
    number = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10))
    return "".join(_ALPHABET[(number >> shift) & 31] for shift in range(125, -1, -5))
