"""What the ledger keeps of an answer: all that a trace and a replay need, as compact JSON."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self

from pydantic import ConfigDict, ValidationError

from creditrisk.core.errors import CreditRiskError, validation_problems
from creditrisk.core.files import sha256_of_json
from creditrisk.core.report import Part, Report
from creditrisk.core.settings import PolicySettings
from creditrisk.mlops.served import ServedModel
from creditrisk.models.explanation import Reason
from creditrisk.scoring.answers import Answer, Cell
from creditrisk.scoring.decisions import Decision
from creditrisk.scoring.environment import Platform, this_platform

Form = Literal["applications", "features"]
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: sorts as the numbers do


class UnreadableDecision(CreditRiskError):
    """What the ledger gave back is no decision on an applicant."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"The recorded content is no decision on an applicant: {problem}.")


class Origin(Part):
    """Who asked when: the same for all records of a request; `received_at` is UTC, ISO 8601.

    `form` is null for a request that was refused.
    """

    request_id: str
    caller: str
    received_at: str
    form: Form | None = None


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
    features. Both are null where inputs are not stored: a replay then needs them handed in. The
    reasons stay even then, with the values that they name: they are what the applicant was told.
    """

    # A number that is none must not become null unseen.
    model_config = ConfigDict(ser_json_inf_nan="constants")

    kind: Literal["decision"] = "decision"
    format_version: Literal[1] = 1
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
    platform: Platform

    def to_json(self) -> bytes:
        """The record as the ledger keeps it."""
        return self.model_dump_json().encode()

    @classmethod
    def parse(cls, content: bytes) -> Self:
        """Read a record back.

        Raises:
            UnreadableDecision: the content is something else.
        """
        try:
            return cls.model_validate_json(content)
        except ValidationError as error:
            raise UnreadableDecision(validation_problems(error)[0]) from error


class RefusedRule(Part):
    """A rule that a refused request breaks; `seen` is null where inputs are not stored."""

    record: int | None
    applicant: int | None
    path: str
    column: str | None
    rule: str
    seen: str | None = None
    required: str


class RefusalRecord(Report):
    """A request that was refused: nobody was decided on.

    It holds the hash of the body and never the body. `unlisted` counts violations beyond those
    listed.
    """

    kind: Literal["refusal"] = "refusal"
    origin: Origin
    body_sha256: str
    violations: tuple[RefusedRule, ...]
    unlisted: int


class ShadowRecord(Report):
    """What the challenger would have answered where the champion made the decision `beside`.

    It holds neither inputs nor features: those of the decision are the same.
    """

    kind: Literal["shadow"] = "shadow"
    beside: str
    request_id: str
    sk_id_curr: int
    probability: float
    prediction: int
    threshold: float
    decision: Decision
    grade: str
    model: ServedModel

    @classmethod
    def of(cls, answer: Answer, *, beside: str, request_id: str, model: ServedModel) -> Self:
        """The record of a challenger's answer."""
        return cls(
            beside=beside,
            request_id=request_id,
            sk_id_curr=answer.sk_id_curr,
            probability=answer.probability,
            prediction=answer.prediction,
            threshold=answer.threshold,
            decision=answer.decision,
            grade=answer.grade,
            model=model,
        )


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
        format_version=1,
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
        platform=this_platform(),
    )


def new_decision_id() -> str:
    """26 characters that sort by time (a ULID): 48 bits of milliseconds, 80 bits of chance."""
    number = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10))
    return "".join(_ALPHABET[(number >> shift) & 31] for shift in range(125, -1, -5))
