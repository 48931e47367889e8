"""Answers what a lane brings: checks, scores together, records, and lets go once it is durable."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from creditrisk.contracts.request_violations import RequestRefused, Violation
from creditrisk.contracts.requests import ApplicationRequest, FeatureRequest
from creditrisk.ledger.decision_entries import NewDecision
from creditrisk.scoring.decision_record import (
    Origin,
    PolicyBands,
    Warned,
    decision_record,
    new_decision_id,
)
from creditrisk.serve import replies
from creditrisk.serve.dispatch import Answered, Outcome, Work, settle
from creditrisk.serve.merging import merged_tables, rounds
from creditrisk.serve.problems import LedgerUnavailable
from creditrisk.serve.security.callers import Scope
from creditrisk.serve.security.refusals import MissingScope
from creditrisk.serve.validation import as_refusal, validated

if TYPE_CHECKING:
    from concurrent.futures import Future

    from creditrisk.core.settings import Settings
    from creditrisk.features.request_features import RequestFeatures
    from creditrisk.ledger.decisions import DecisionLedger
    from creditrisk.mlops.golden import Cell
    from creditrisk.observability.metrics import ServiceMetrics
    from creditrisk.scoring.answers import Answer
    from creditrisk.serve.model import Models, ServingModel
    from creditrisk.serve.shadow import Shadow

_LOG = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class Case:
    """A request on its way: what it asks, what it is answered, what is recorded of it."""

    work: Work
    request: ApplicationRequest | FeatureRequest | None = None
    features: list[dict[str, Cell]] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    outcome: Outcome | None = None
    entries: list[NewDecision] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        """Whether it is still to be answered."""
        return self.outcome is None

    @property
    def thresholds(self) -> list[float | None]:
        """The caller's threshold, or none, for each record."""
        return [self.request.threshold] * len(self.request.ids) if self.request else []


class Desk:
    """The way from bodies to durable answers. One thread at a time uses it.

    Args:
        models: which model answers.
        features: computes the features of raw applications, for this thread alone.
        ledger: takes every decision before its answer leaves.
        settings: the policy, and whether inputs are stored.
        metrics: counts what was decided.
        shadow: has the challenger score the same, if there is one.
    """

    def __init__(
        self,
        models: Models,
        features: RequestFeatures,
        ledger: DecisionLedger,
        *,
        settings: Settings,
        metrics: ServiceMetrics,
        shadow: Shadow | None = None,
    ) -> None:
        self._models = models
        self._features = features
        self._ledger = ledger
        self._bands = PolicyBands.of(settings.policy)
        self._store_inputs = settings.serve.store_inputs
        self._metrics = metrics
        self._records = cache(metrics.records.labels)
        self._decisions = cache(metrics.decisions.labels)
        self._shadow = shadow

    def answer(self, batch: Sequence[Work]) -> None:
        """Answer these requests; returns once all is handed to the ledger.

        Whatever goes wrong becomes the outcome of the requests that it concerns.
        """
        cases = [Case(work) for work in batch if work.is_wanted]
        model = self._models.champion
        try:
            self._metrics.batches.observe(len(cases))
            for case in cases:
                self._check(case, model)
            self._decide([case for case in cases if case.is_open], model)
            for case in cases:
                if case.is_open:
                    self._reply(case, model)
        except Exception as error:  # noqa: BLE001 - the lane goes on, the callers get a problem
            _fail(cases, error)
        self._record(cases)

    def _check(self, case: Case, model: ServingModel) -> None:
        order = case.work.order
        try:
            if order.only_validate:
                case.outcome = self._validated(case.work, model)
                return
            case.request = model.checks.request(case.work.body)
            if case.request.threshold is not None and not order.may_override:
                case.outcome = MissingScope(Scope.OVERRIDE, order.scopes)
        except RequestRefused as refusal:
            self._refuse(case, refusal)
        except Exception as error:  # noqa: BLE001 - one request's error is not the others'
            case.outcome = error

    def _validated(self, work: Work, model: ServingModel) -> Answered:
        errors, warnings = validated(work.body, model.checks, self._features)
        content = {
            "request_id": work.order.request_id,
            "valid": not errors,
            "errors": [replies.violation_facts(one) for one in errors],
            "warnings": [replies.violation_facts(one) for one in warnings],
        }
        return _answered(replies.as_json(content), None, model)

    def _decide(self, cases: Sequence[Case], model: ServingModel) -> None:
        rows = [case for case in cases if isinstance(case.request, FeatureRequest)]
        _together(rows, lambda group: _decide_features(group, model), self._refused_alone)
        raw = [case for case in cases if isinstance(case.request, ApplicationRequest)]
        for places in rounds([case.request for case in raw]):  # type: ignore[misc]
            group = [raw[place] for place in places]
            _together(group, lambda part: self._decide_raw(part, model), self._refused_alone)

    def _decide_raw(self, cases: Sequence[Case], model: ServingModel) -> None:
        requests = [case.request for case in cases]
        rows = self._features.rows(merged_tables(requests))  # type: ignore[arg-type]
        computed = iter(rows)
        for case in cases:
            case.features = [next(computed) for _ in case.thresholds]
            model.checks.check_computed(case.features)
        _decide_rows(cases, rows, model)

    def _refused_alone(self, case: Case, error: Exception) -> None:
        """The outcome of a request that could not be scored on its own either."""
        refusal = as_refusal(error)
        if refusal is None:
            case.outcome = error
        else:
            self._refuse(case, refusal)

    def _refuse(self, case: Case, refusal: RequestRefused) -> None:
        order = case.work.order
        case.outcome = replies.Refused(refusal)
        content = replies.refusal_record(refusal, order, case.work.body, store=self._store_inputs)
        case.entries = [NewDecision("refusal", new_decision_id(), order.request_id, content)]
        for family, count in replies.rule_families(refusal).items():
            self._metrics.refused.labels(family).inc(count)

    def _reply(self, case: Case, model: ServingModel) -> None:
        """Compose the answer and the records of a request that has been decided."""
        request = case.request
        if request is None:
            return
        request_id = case.work.order.request_id
        warned = _warnings_by_record(request.warnings)
        predictions = []
        for place, answer in enumerate(case.answers):
            decision_id = new_decision_id()
            warnings = warned.get(place, ())
            predictions.append(replies.prediction(answer, decision_id, warnings))
            record = self._record_of(case, place, model, warnings)
            case.entries.append(NewDecision("decision", decision_id, request_id, record))
        content = {
            "request_id": request_id,
            "model": replies.identity(model),
            "predictions": predictions,
        }
        case.outcome = _answered(replies.as_json(content), len(predictions), model)

    def _record_of(
        self, case: Case, place: int, model: ServingModel, warnings: Sequence[Violation]
    ) -> bytes:
        """What the ledger keeps of one decision."""
        request, order = case.request, case.work.order
        raw = isinstance(request, ApplicationRequest)
        record = decision_record(
            case.answers[place],
            origin=Origin(
                request_id=order.request_id,
                caller=order.caller,
                received_at=order.received_at.isoformat(),
                form="applications" if raw else "features",
            ),
            record=place,
            inputs=request.records[place],  # type: ignore[union-attr]
            features=_read_by(model, case.features[place]) if raw else None,
            overridden=request.threshold is not None,  # type: ignore[union-attr]
            warnings=[Warned(rule=one.rule, column=one.column) for one in warnings],
            model=model.served,
            policy=self._bands,
            store_inputs=self._store_inputs,
        )
        return record.to_json()

    def _record(self, cases: Sequence[Case]) -> None:
        """Hand everything to the ledger at once; the answers leave when it is durable."""
        entries = [entry for case in cases for entry in case.entries]
        outcomes = [(case.work, case.outcome) for case in cases if case.outcome is not None]
        if not entries:
            settle(outcomes)
            return
        handed = time.perf_counter()
        try:
            future = self._ledger.submit(entries)
        except Exception:  # noqa: BLE001 - an unrecorded answer never leaves
            _LOG.exception("the ledger takes no decisions")
            settle(_unrecorded(cases))
            return
        future.add_done_callback(lambda done: self._recorded(done, cases, handed))

    def _recorded(self, done: Future[None], cases: Sequence[Case], handed: float) -> None:
        """Called by the ledger's own thread."""
        error = done.exception()
        if error is not None:
            _LOG.error("decisions were not recorded", exc_info=error)
            settle(_unrecorded(cases))
            return
        settle([(case.work, case.outcome) for case in cases if case.outcome is not None])
        self._metrics.ledger.observe(time.perf_counter() - handed)
        self._count(cases)
        if self._shadow is not None:
            self._shadow.offer(cases)

    def _count(self, cases: Sequence[Case]) -> None:
        for case in cases:
            if not case.answers:
                continue
            form = "applications" if case.features else "features"
            self._records(form).inc(len(case.answers))
            for answer in case.answers:
                self._metrics.pds.observe(answer.probability)
                self._decisions(answer.decision).inc()


def _decide_rows(
    cases: Sequence[Case], rows: Sequence[Mapping[str, Cell]], model: ServingModel
) -> None:
    """One matrix for the feature rows of all these requests."""
    thresholds = [threshold for case in cases for threshold in case.thresholds]
    answers = iter(model.decisions.decide_records(rows, thresholds))
    for case in cases:
        case.answers = [next(answers) for _ in case.thresholds]


def _decide_features(cases: Sequence[Case], model: ServingModel) -> None:
    rows = [row for case in cases for row in case.request.records]  # type: ignore[union-attr]
    _decide_rows(cases, rows, model)


def _together(
    cases: Sequence[Case],
    decide: Callable[[Sequence[Case]], None],
    refuse: Callable[[Case, Exception], None],
) -> None:
    """Decide on requests together; where that fails, on each alone, so that one spoils no other."""
    if not cases:
        return
    try:
        decide(cases)
    except Exception as error:  # noqa: BLE001 - told apart below
        if len(cases) == 1:
            refuse(cases[0], error)
            return
        for case in cases:
            _together([case], decide, refuse)


def _answered(body: bytes, records: int | None, model: ServingModel) -> Answered:
    return Answered(200, body, records, model.served.version, model.served.bundle_sha256)


def _read_by(model: ServingModel, row: dict[str, Cell]) -> dict[str, Cell]:
    return {feature.name: row[feature.name] for feature in model.scorer.manifest.features}


def _warnings_by_record(warnings: Sequence[Violation]) -> dict[int | None, list[Violation]]:
    found: dict[int | None, list[Violation]] = {}
    for warning in warnings:
        found.setdefault(warning.record, []).append(warning)
    return found


def _fail(cases: Sequence[Case], error: Exception) -> None:
    """Nobody is told half an answer: what is not complete has failed, and is not recorded."""
    for case in cases:
        if case.is_open:
            case.entries = []
            case.outcome = error


def _unrecorded(cases: Sequence[Case]) -> list[tuple[Work, Outcome]]:
    """What could not be recorded is not answered; what needed no record keeps its outcome."""
    return [
        (case.work, LedgerUnavailable() if case.entries else case.outcome)
        for case in cases
        if case.outcome is not None
    ]
