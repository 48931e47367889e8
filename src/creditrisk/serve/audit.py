"""What auditors ask: one decision as it was recorded, and whether it can be computed again."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING

from fastapi import APIRouter
from starlette.requests import Request  # noqa: TC002 - FastAPI reads the annotations
from starlette.responses import Response  # noqa: TC002

from creditrisk.core.errors import MissingFile
from creditrisk.ledger.errors import (
    DamagedDecision,
    InvalidDecisionId,
    LedgerError,
    UnknownDecision,
)
from creditrisk.mlops.errors import BundleRefused
from creditrisk.mlops.served import archived_bundle
from creditrisk.scoring.decision_record import DecisionRecord, UnreadableDecision
from creditrisk.scoring.replay import InputsNeeded, ReplayResult
from creditrisk.scoring.replay import replay as replayed
from creditrisk.serve.problems import LedgerUnavailable, Problem
from creditrisk.serve.routes import admitted, json_response, service_of
from creditrisk.serve.schemas import RecordedDecision, problems
from creditrisk.serve.security import Scope

if TYPE_CHECKING:
    from creditrisk.ledger.decision_entries import StoredDecision
    from creditrisk.scoring.scorer import Scorer
    from creditrisk.serve.service import Service

router = APIRouter(prefix="/decisions", tags=["audit"])
_PROOF = (
    "decision_id",
    "kind",
    "request_id",
    "recorded_at",
    "sequence",
    "content_sha256",
    "previous_sha256",
    "sha256",
    "signature",
)
_LOG = logging.getLogger(__name__)


class NoSuchDecision(Problem):
    """The ledger has no decision of that id."""

    def __init__(self) -> None:
        super().__init__(
            404, "no-such-decision", "No such decision", "The ledger has no decision of this id."
        )


class NotReplayable(Problem):
    """A decision that cannot be computed again here."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            409, "not-replayable", "Not replayable", f"The decision was not replayed: {reason}."
        )


class RecordDamaged(Problem):
    """What the ledger holds is not what was recorded."""

    def __init__(self) -> None:
        super().__init__(
            500,
            "record-damaged",
            "The record is damaged",
            "What the ledger holds under this id is not what was recorded. Run creditrisk ledger "
            "verify.",
        )


@router.get(
    "/{decision_id}",
    responses={200: {"model": RecordedDecision}, **problems(401, 403, 404, 429, 503)},
)
async def decision(request: Request, decision_id: str) -> Response:
    """A decision as it was recorded, with its proof; `content` is null once it was retired."""
    await admitted(request, Scope.AUDIT)
    found = await asyncio.to_thread(_stored, service_of(request), decision_id)
    proof = json.dumps({name: getattr(found, name) for name in _PROOF}).encode()
    return json_response(proof[:-1] + b', "content": ' + (found.content or b"null") + b"}")


def _stored(service: Service, decision_id: str) -> StoredDecision:
    try:
        return service.ledger.get(decision_id)
    except (UnknownDecision, InvalidDecisionId):
        raise NoSuchDecision from None
    except DamagedDecision as error:
        _LOG.exception("a record is damaged", extra={"fields": {"decision_id": decision_id}})
        raise RecordDamaged from error
    except LedgerError as error:
        raise LedgerUnavailable from error


@router.get(
    "/{decision_id}/replay",
    responses={200: {"model": ReplayResult}, **problems(401, 403, 404, 409, 429, 503)},
)
async def replay(request: Request, decision_id: str) -> Response:
    """The decision computed again from its stored inputs by the bundle that made it."""
    await admitted(request, Scope.AUDIT)
    result = await asyncio.to_thread(_replayed, service_of(request), decision_id)
    return json_response(result.model_dump_json().encode())


def _replayed(service: Service, decision_id: str) -> ReplayResult:
    stored = _stored(service, decision_id)
    if stored.content is None:
        raise NotReplayable("its content was retired; the proof alone is kept")
    try:
        record = DecisionRecord.parse(stored.content)
        return replayed(record, _scorer(service, record.model.bundle_sha256))
    except UnreadableDecision:
        raise NotReplayable(f"it is a {stored.kind}, no decision on an applicant") from None
    except InputsNeeded:
        raise NotReplayable("its inputs were not stored; hand them to creditrisk replay") from None
    except (MissingFile, BundleRefused):
        raise NotReplayable("the bundle that made it is not archived here") from None


def _scorer(service: Service, bundle_sha256: str) -> Scorer:
    """The model that decided, whether it answers now or lies in the archive."""
    from creditrisk.scoring.scorer import Scorer

    present = service.models.champion.scorer
    if present.bundle_sha256 == bundle_sha256:
        return present
    if service.archive is None:
        raise NotReplayable("the bundle that made it is not archived here")
    return Scorer.load(archived_bundle(service.archive, bundle_sha256).folder)
