"""The forms of the API's answers, for its OpenAPI document; tests hold the answers against them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from creditrisk.scoring.decisions import Decision
from creditrisk.serve.problems import MEDIA_TYPE


class Form(BaseModel):
    """An object of which every member is known."""

    model_config = ConfigDict(extra="forbid")


class ProblemDetails(BaseModel):
    """What every error holds (RFC 9457); some types have further members."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str
    instance: str
    request_id: str


class Health(Form):
    """The process is alive."""

    status: Literal["alive"]


class Readiness(Form):
    """Requests can be answered."""

    status: Literal["ready"]
    model_version: str | None
    bundle_sha256: str


class ModelIdentity(Form):
    """Which model; version, run and commit are null for one that no registry vouches for."""

    name: str
    version: str | None
    aliases: list[str]
    run_id: str | None
    git_commit: str | None
    bundle_sha256: str
    feature_set_sha256: str
    data_snapshot_sha256: str


class ViolationFacts(Form):
    """A rule that a record breaks; `path` is a JSON Pointer into the body."""

    record: int | None
    SK_ID_CURR: int | None
    path: str
    column: str | None
    rule: str
    seen: str
    required: str


class Validation(Form):
    """What is wrong with a request, and what is merely remarked."""

    request_id: str
    valid: bool
    errors: list[ViolationFacts]
    warnings: list[ViolationFacts]


class ReasonFacts(Form):
    """One idea that makes the PD higher than that of the approved, in log-odds."""

    code: str
    words: str
    feature: str
    label: str
    value: str
    direction: str
    comparison: str
    log_odds: float
    share: float


class PredictedRecord(Form):
    """The answer on one applicant; `prediction` is 1 where the PD reaches `threshold`."""

    SK_ID_CURR: int
    probability: float = Field(ge=0, le=1)
    prediction: Literal[0, 1]
    threshold: float
    decision: Decision
    grade: str
    reasons: list[ReasonFacts] = Field(max_length=4)
    warnings: list[ViolationFacts]
    decision_id: str


class Prediction(Form):
    """The answers in the order of the request."""

    request_id: str
    model: ModelIdentity
    predictions: list[PredictedRecord]


class RecordedDecision(Form):
    """A decision with its proof; `content` is what was recorded, null once it was retired."""

    decision_id: str
    kind: Literal["decision", "refusal", "shadow", "batch"]
    request_id: str
    recorded_at: str
    sequence: int
    content_sha256: str
    previous_sha256: str
    sha256: str
    signature: str
    content: dict[str, Any] | None


class PolicyFacts(Form):
    """The lender's bands: below `approve_below` approved, from `decline_from` on declined."""

    approve_below: float
    decline_from: float
    grades: dict[str, float]


class Limits(Form):
    """What one request and the queue may hold."""

    max_records: int
    max_body_bytes: int
    queue_records: int


class ReloadFacts(Form):
    """What became of the last pointer that was looked at."""

    result: str
    at: str
    bundle_sha256: str | None
    reason: str | None


class ShadowFacts(Form):
    """The challenger that is scored beside the champion."""

    mode: str
    model: ModelIdentity | None
    reload: ReloadFacts | None


class Metadata(Form):
    """Everything that an auditor asks of the model that answers now."""

    model: ModelIdentity
    model_type: str
    features: list[str]
    threshold: float
    data_snapshot: dict[str, Any]
    policy: PolicyFacts
    limits: Limits
    follows_pointer: bool
    reload: ReloadFacts | None
    shadow: ShadowFacts
    started_at: str


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The error answers of a path, as FastAPI documents them."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}}
    return {
        status: {"description": _MEANINGS[status], "content": content}
        for status in (*statuses, 431, 500)
    }


_MEANINGS = {
    400: "The body is no JSON",
    401: "Who calls is not known",
    403: "The caller may not do this",
    404: "There is none of that id",
    408: "The body did not arrive in time",
    409: "It cannot be recomputed here",
    413: "The body is too large",
    415: "The body is no plain JSON by its headers",
    422: "The request breaks its contract",
    429: "Too many requests",
    431: "A header is too long",
    500: "Unexpected error",
    503: "Not now: see Retry-After",
}
