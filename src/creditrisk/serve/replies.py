"""What callers are answered: predictions, refusals and lists of violations, as JSON in bytes."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from creditrisk.contracts.request_violations import RequestRefused, Violation
from creditrisk.scoring.decision_record import Origin, RefusalRecord, RefusedRule
from creditrisk.serve.problems import Problem

if TYPE_CHECKING:
    from creditrisk.models.explanation import Reason
    from creditrisk.scoring.answers import Answer
    from creditrisk.serve.dispatch import Order
    from creditrisk.serve.model import ServingModel

_NOT_JSON = "request.json"


class Refused(Problem):
    """A request breaks its contract; nothing in it was scored."""

    def __init__(self, refusal: RequestRefused) -> None:
        count = len(refusal.violations) + refusal.unlisted
        first = refusal.violations[0]
        super().__init__(
            400 if first.rule == _NOT_JSON else 422,
            "refused",
            "The request breaks its contract",
            f"{count:,} violation{'s' if count > 1 else ''}, nothing was scored. The first: "
            f"{first.sentence()}",
            violations=[violation_facts(one) for one in refusal.violations],
            unlisted=refusal.unlisted,
        )


def identity(model: ServingModel) -> dict[str, Any]:
    """What every answer says of the model that gave it."""
    served = model.served
    return {
        "name": served.model_name,
        "version": served.version,
        "aliases": list(served.aliases),
        "run_id": served.run_id,
        "git_commit": served.git_commit,
        "bundle_sha256": served.bundle_sha256,
        "feature_set_sha256": served.feature_set_sha256,
        "data_snapshot_sha256": served.data_snapshot_sha256,
    }


def prediction(
    answer: Answer, decision_id: str, warnings: Iterable[Violation] = ()
) -> dict[str, Any]:
    """What a caller is told of one applicant."""
    return {
        "SK_ID_CURR": answer.sk_id_curr,
        "probability": answer.probability,
        "prediction": answer.prediction,
        "threshold": answer.threshold,
        "decision": answer.decision,
        "grade": answer.grade,
        "reasons": [_reason(reason) for reason in answer.reasons],
        "warnings": [violation_facts(warning) for warning in warnings],
        "decision_id": decision_id,
    }


def violation_facts(violation: Violation) -> dict[str, Any]:
    """A violation for a program."""
    return {
        "record": violation.record,
        "SK_ID_CURR": violation.applicant,
        "path": violation.path,
        "column": violation.column,
        "rule": violation.rule,
        "seen": violation.seen,
        "required": violation.required,
    }


def refusal_record(refusal: RequestRefused, order: Order, body: bytes, *, store: bool) -> bytes:
    """What the ledger keeps of a request that was refused: which rules, and the body's hash.

    What was seen may be an applicant's, so it is kept only where inputs are.
    """
    record = RefusalRecord(
        origin=Origin(
            request_id=order.request_id,
            caller=order.caller,
            received_at=order.received_at.isoformat(),
        ),
        body_sha256=hashlib.sha256(body).hexdigest(),
        violations=tuple(
            RefusedRule(
                record=one.record,
                applicant=one.applicant,
                path=one.path,
                column=one.column,
                rule=one.rule,
                seen=one.seen if store else None,
                required=one.required,
            )
            for one in refusal.violations
        ),
        unlisted=refusal.unlisted,
    )
    return record.model_dump_json().encode()


def rule_families(refusal: RequestRefused) -> Counter[str]:
    """How many violations concern each table, or the request as a whole."""
    return Counter(one.rule.partition(".")[0] for one in refusal.violations)


def as_json(content: Mapping[str, Any]) -> bytes:
    """Compact JSON; a float is written so that reading it gives the same float."""
    return json.dumps(content, ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode()


def _reason(reason: Reason) -> dict[str, Any]:
    return {
        "code": reason.code,
        "words": reason.words,
        "feature": reason.feature,
        "label": reason.label,
        "value": reason.value,
        "direction": reason.direction,
        "comparison": reason.comparison,
        "log_odds": reason.log_odds,
        "share": reason.share,
    }
