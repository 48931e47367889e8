"""Computes a recorded decision anew, and says whether it comes out the same."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Literal

from creditrisk.contracts.requests import FEATURES_FORM, FeatureRequest, RequestChecks
from creditrisk.core.errors import CreditRiskError
from creditrisk.core.files import sha256_of_json
from creditrisk.core.report import Part, Report
from creditrisk.core.settings import PolicySettings
from creditrisk.features.metadata import describe
from creditrisk.features.request_features import RequestFeatures
from creditrisk.scoring.answers import Answer, Cell, DecisionMaker
from creditrisk.scoring.decision_record import DecisionRecord, PolicyBands
from creditrisk.scoring.environment import Platform, this_platform

if TYPE_CHECKING:
    from creditrisk.scoring.scorer import Scorer

Verdict = Literal["identical", "within 1e-12", "different"]
Facts = dict[str, Cell]

_TOLERANCE = 1e-12


class OtherModel(CreditRiskError):
    """A decision is replayed with the bundle that made it, and no other."""

    def __init__(self, seen: str, required: str) -> None:
        super().__init__(
            f"Not replayed: the bundle at hand is {seen[:12]}, the decision was made by bundle "
            f"{required[:12]}."
        )


class InputsNeeded(CreditRiskError):
    """The ledger keeps only the hash of the inputs."""

    def __init__(self, sk_id_curr: int, inputs_sha256: str) -> None:
        super().__init__(
            f"Not replayed: the inputs of applicant {sk_id_curr} were not stored "
            f"(serve.store_inputs). Hand in the applicant's part of the request; the hash of its "
            f"canonical JSON must be {inputs_sha256[:12]}."
        )


class OtherInputs(CreditRiskError):
    """Inputs are not those that the decision was made on."""

    def __init__(self, sk_id_curr: int, seen: str, required: str) -> None:
        super().__init__(
            f"Not replayed: the inputs at hand for applicant {sk_id_curr} have the hash "
            f"{seen[:12]}, those of the decision have {required[:12]}."
        )


class Difference(Part):
    """One fact that came out otherwise; null where a side has none."""

    fact: str
    recorded: Cell
    replayed: Cell


class ReplayResult(Report):
    """Whether a decision comes out the same, and what it was computed with then and now.

    `within 1e-12` is what another processor or library may change; every text, decision and grade
    is the same then. `changed_sql` names feature files that are not those of the model's training:
    features of a raw application may then differ. `sealed_with` are the libraries that the model
    was made with.
    """

    verdict: Verdict
    sk_id_curr: int
    inputs: Literal["stored", "handed in"]
    recorded_probability: float
    replayed_probability: float
    compared: int
    differing: tuple[Difference, ...]
    bundle_sha256: str
    changed_sql: tuple[str, ...]
    sealed_with: dict[str, str]
    recorded_on: Platform
    replayed_on: Platform
    same_platform: bool


def replay(
    record: DecisionRecord,
    scorer: Scorer,
    inputs: Mapping[str, Any] | None = None,
    features: RequestFeatures | None = None,
) -> ReplayResult:
    """Compute a decision anew: features where raw inputs came, then PD, decision and reasons.

    Args:
        record: the recorded decision.
        scorer: the model of the bundle that made it.
        inputs: the applicant's part of the request, where the ledger kept only its hash.
        features: computes features of raw inputs; made for the purpose where left out.

    Raises:
        OtherModel, InputsNeeded, OtherInputs: it cannot be the same decision.
        RequestRefused: handed-in inputs break the contract.
        FeaturesNotComputable, FeatureEngineFailed: there are no features.
    """
    if scorer.bundle_sha256 != record.model.bundle_sha256:
        raise OtherModel(scorer.bundle_sha256, record.model.bundle_sha256)
    row = _feature_row(record, scorer, inputs, features)
    maker = DecisionMaker(scorer, _policy(record.policy))
    (answer,) = maker.decide_records([row], [record.threshold])
    kept = record.features or {}
    recorded = _facts(record) | {f"features.{name}": value for name, value in kept.items()}
    replayed = _facts(answer) | {f"features.{name}": row.get(name) for name in kept}
    return _result(record, scorer, recorded, replayed, handed_in=inputs is not None)


def _feature_row(
    record: DecisionRecord,
    scorer: Scorer,
    handed_in: Mapping[str, Any] | None,
    features: RequestFeatures | None,
) -> Mapping[str, Cell]:
    """The features, made from the inputs in the same way as for the decision."""
    given = record.inputs if handed_in is None else handed_in
    if given is None:
        raise InputsNeeded(record.sk_id_curr, record.inputs_sha256)
    names = [feature.name for feature in scorer.manifest.features]
    checks = RequestChecks(scorer.bundle.request_contract(), names, max_records=1)
    form = record.origin.form or FEATURES_FORM
    request = checks.request(json.dumps({form: [given]}).encode())
    _check_inputs(record, request.records[0], given)
    if isinstance(request, FeatureRequest):
        return request.records[0]
    if features is not None:
        return features.rows(request.tables)[0]
    with closing(RequestFeatures()) as own:
        return own.rows(request.tables)[0]


def _check_inputs(
    record: DecisionRecord, checked: Mapping[str, Any], given: Mapping[str, Any]
) -> None:
    """A record of features is hashed with its numbers in their columns' types, 5 for 5.0."""
    seen = sha256_of_json(given)
    if record.inputs_sha256 not in (seen, sha256_of_json(checked)):
        raise OtherInputs(record.sk_id_curr, seen, record.inputs_sha256)


def _policy(bands: PolicyBands) -> PolicySettings:
    return PolicySettings(**bands.model_dump())


def _facts(decided: DecisionRecord | Answer) -> Facts:
    """What was answered, fact by fact."""
    facts: Facts = {
        "sk_id_curr": decided.sk_id_curr,
        "probability": decided.probability,
        "prediction": decided.prediction,
        "decision": decided.decision,
        "grade": decided.grade,
    }
    for place, reason in enumerate(decided.reasons):
        facts |= {f"reasons.{place}.{name}": fact for name, fact in asdict(reason).items()}
    return facts


def _result(
    record: DecisionRecord, scorer: Scorer, recorded: Facts, replayed: Facts, *, handed_in: bool
) -> ReplayResult:
    facts = list(recorded | replayed)  # in this order, the answer first
    pairs = [(fact, recorded.get(fact), replayed.get(fact)) for fact in facts]
    here = this_platform()
    return ReplayResult(
        verdict=_verdict(pairs),
        sk_id_curr=record.sk_id_curr,
        inputs="handed in" if handed_in else "stored",
        recorded_probability=record.probability,
        replayed_probability=float(replayed["probability"] or 0),
        compared=len(pairs),
        differing=tuple(
            Difference(fact=fact, recorded=one, replayed=other)
            for fact, one, other in pairs
            if one != other
        ),
        bundle_sha256=scorer.bundle_sha256,
        changed_sql=_changed_sql(scorer.manifest.snapshot.sql),
        sealed_with=scorer.manifest.libraries,
        recorded_on=record.platform,
        replayed_on=here,
        same_platform=record.platform == here,
    )


def _verdict(pairs: Sequence[tuple[str, Cell, Cell]]) -> Verdict:
    if all(one == other for _, one, other in pairs):
        return "identical"
    near = all(one == other or _is_near(one, other) for _, one, other in pairs)
    return "within 1e-12" if near else "different"


def _is_near(one: Cell, other: Cell) -> bool:
    if not (isinstance(one, int | float) and isinstance(other, int | float)):
        return False
    return math.isclose(one, other, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE)


def _changed_sql(sealed: dict[str, str]) -> tuple[str, ...]:
    """The feature files that are other than those that made the training rows."""
    here = describe(()).sql_sha256
    return tuple(name for name in sorted(sealed | here) if sealed.get(name) != here.get(name))
