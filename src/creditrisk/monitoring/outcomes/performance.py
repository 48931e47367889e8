"""How well a model's PDs did, month by month, and what they promise where nobody knows yet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date

from pydantic import Field

from creditrisk.core.report import Part, Report
from creditrisk.core.settings import OutcomeSettings, Settings
from creditrisk.ledger import DecisionLedger
from creditrisk.ledger.errors import DamagedDecision
from creditrisk.ledger.outcome_store import StoredOutcome
from creditrisk.ledger.outcomes import OutcomesChanged
from creditrisk.monitoring.outcomes.alarms import (
    CheckStatus,
    OutcomeAlarm,
    OutcomeCheck,
    alarms_of,
    judge,
)
from creditrisk.monitoring.outcomes.answers import Answer, Unanswered, all_answers
from creditrisk.monitoring.outcomes.comparison import ReferenceSide
from creditrisk.monitoring.outcomes.expectation import expected_performance
from creditrisk.monitoring.outcomes.integrity import loads_of, sound_outcomes
from creditrisk.monitoring.outcomes.known_inputs import KnownInputs, known_inputs
from creditrisk.monitoring.outcomes.measures import Expected, GradeOutcome, Matured
from creditrisk.monitoring.outcomes.portions import ALL, portions
from creditrisk.monitoring.outcomes.realisation import grade_outcomes, matured
from creditrisk.monitoring.outcomes.relation import ScopeRelation, relations_of
from creditrisk.monitoring.outcomes.samples import Decisions, Outcomes

APPROVED = "approve"
SELECTION = (
    "Only applicants who got a loan have an outcome. Those declined have none, so the realised "
    "ROC-AUC is that of a narrower band of risk and lies below the test side's, however good the "
    "model is. It is compared with what the PDs of the very same applicants promise, never with "
    "the test side's; the test side's on approved applicants alone is shown beside it."
)


class MonthPerformance(Part):
    """The decisions of a month (UTC): what their PDs promise, and what has come out so far.

    `expected_all` is of every applicant, `expected_approved` of those approved at once; both were
    known before any outcome was.
    """

    month: str
    decisions: dict[str, int]
    expected_all: Expected | None
    expected_approved: Expected | None
    outcomes: dict[str, int]
    matured: Matured | None


class ScopePerformance(Part):
    """All outcomes, or those of one model, by decision and by grade."""

    scope: str
    outcomes: dict[str, int]
    matured: Matured | None
    grades: tuple[GradeOutcome, ...]


class PerformanceReport(Report):
    """Performance by month of decision, by model and in all; alarms on the latest months.

    `status` is alarm where an alarm was raised, not measured where nothing could be judged. `unread`
    counts decisions whose PDs cannot be read, by reason: they are in no figure before outcomes.
    `relations` are of the judged outcomes whose inputs the ledger holds; `inputs_unread` counts the
    others, by reason. `settings` are the bars that were applied.
    """

    as_of: date
    status: CheckStatus
    alarms: tuple[OutcomeAlarm, ...]
    checks: tuple[OutcomeCheck, ...]
    judged_months: tuple[str, ...]
    relations: tuple[ScopeRelation, ...] = ()
    inputs_unread: dict[str, int] = Field(default_factory=dict)
    settings: OutcomeSettings
    loads: int
    outcomes: int
    unread: dict[str, int]
    selection: str
    overall: ScopePerformance | None
    models: tuple[ScopePerformance, ...]
    months: tuple[MonthPerformance, ...]
    test_side: ReferenceSide | None

    def headline(self) -> str:
        """The report in a line for a person, and one an alarm."""
        seen = f"{self.outcomes:,} outcomes, {len(self.months)} months of decisions"
        whole = self.overall.matured if self.overall else None
        if whole and whole.realised.roc_auc and whole.expected.roc_auc:
            auc = whole.realised.roc_auc
            seen += f", ROC-AUC {auc.value:.4f} ({auc.low:.4f} to {auc.high:.4f})"
            seen += f", expected {whole.expected.roc_auc.value:.4f}"
        return "".join(
            [f"{self.status}: {seen}", *(f"\n  {one.name}: {one.reason}" for one in self.alarms)]
        )


def measure_performance(
    ledger: DecisionLedger, settings: Settings, as_of: date, test_side: ReferenceSide | None = None
) -> PerformanceReport:
    """Measure what is known as of a day of the decisions of the last months.

    Outcomes that are not what was loaded are an alarm, and nothing is measured on them.
    """
    bars = settings.monitoring.outcomes
    first_month = _first_month(as_of, bars.report_months)
    unread: Counter[str] = Counter()
    answers = Decisions.of(_answers(ledger, settings, first_month, as_of, unread))
    try:
        sample = Outcomes.of_stored(_known(ledger, first_month, as_of))
        loads, integrity = len(loads_of(ledger)), None
    except OutcomesChanged as changed:
        sample, loads, integrity = Outcomes.of_stored(()), 0, _integrity(changed)
    judged = tuple(sample.names("month")[-bars.judged_months :])
    latest, inputs = sample.where("month", *judged), KnownInputs.of(())
    try:
        rows = (row for row in _known(ledger, first_month, as_of) if row.decided_at[:7] in judged)
        inputs = known_inputs(ledger, rows, latest.pd.size) if judged else inputs
    except DamagedDecision as damaged:
        integrity = _damage(damaged)
    relations = relations_of(inputs, portions(latest), bars)
    checks = judge(latest, bars, relations)
    if integrity:
        checks = (integrity, *checks)
    return PerformanceReport(
        as_of=as_of,
        status=_status(checks),
        alarms=alarms_of(checks),
        checks=checks,
        judged_months=judged,
        relations=relations,
        inputs_unread={str(reason): rows for reason, rows in sorted(inputs.unread.items())},
        settings=bars,
        loads=loads,
        outcomes=sample.pd.size,
        unread=dict(sorted(unread.items())),
        selection=SELECTION,
        overall=_scope(ALL, sample, settings) if sample.pd.size else None,
        models=tuple(
            _scope(bundle, sample.where("bundle", bundle), settings)
            for bundle in sample.names("bundle")
        ),
        months=_months(answers, sample, bars),
        test_side=test_side,
    )


def _months(
    answers: Decisions, sample: Outcomes, settings: OutcomeSettings
) -> tuple[MonthPerformance, ...]:
    months = sorted({*answers.names("month"), *sample.names("month")})
    return tuple(
        _month(month, answers.where("month", month), sample.where("month", month), settings)
        for month in months
    )


def _month(
    month: str, answers: Decisions, sample: Outcomes, settings: OutcomeSettings
) -> MonthPerformance:
    approved = answers.where("decision", APPROVED)
    return MonthPerformance(
        month=month,
        decisions=answers.counts("decision"),
        expected_all=_expected(answers, settings),
        expected_approved=_expected(approved, settings),
        outcomes=sample.counts("decision"),
        matured=matured(sample, settings),
    )


def _expected(answers: Decisions, settings: OutcomeSettings) -> Expected | None:
    if not answers.pd.size:
        return None
    return expected_performance(answers.pd, settings.interval_confidence)


def _scope(scope: str, sample: Outcomes, settings: Settings) -> ScopePerformance:
    bars = settings.monitoring.outcomes
    lights = settings.validate_model.calibration
    return ScopePerformance(
        scope=scope,
        outcomes=sample.counts("decision"),
        matured=matured(sample, bars),
        grades=tuple(grade_outcomes(sample, bars.interval_confidence, lights)),
    )


def _answers(
    ledger: DecisionLedger, settings: Settings, first_month: str, as_of: date, unread: Counter[str]
) -> Iterator[Answer]:
    """The answers of the report's months; those that cannot be read are counted."""
    last = as_of.isoformat()
    for answer in all_answers(ledger, settings):
        if isinstance(answer, Unanswered):
            unread[answer.reason] += answer.decisions
        elif first_month <= answer.decided_at and answer.decided_at[:10] <= last:
            yield answer


def _known(ledger: DecisionLedger, first_month: str, as_of: date) -> Iterator[StoredOutcome]:
    """The outcomes of the report's months that had matured."""
    last = as_of.isoformat()
    for row in sound_outcomes(ledger):
        if row.decided_at >= first_month and row.matured_on <= last:
            yield row


def _first_month(as_of: date, months: int) -> str:
    number = as_of.year * 12 + as_of.month - months
    return f"{number // 12:04d}-{number % 12 + 1:02d}"


def _integrity(changed: OutcomesChanged) -> OutcomeCheck:
    return OutcomeCheck(
        name="outcome_integrity",
        scope=f"load {changed.load_id}",
        status="alarm",
        observed=changed.problem,
        bar="stored outcomes are what was loaded",
    )


def _damage(damaged: DamagedDecision) -> OutcomeCheck:
    return OutcomeCheck(
        name="outcome_integrity",
        scope="inputs of decisions",
        status="alarm",
        observed=str(damaged),
        bar="stored decisions are what was recorded",
    )


def _status(checks: tuple[OutcomeCheck, ...]) -> CheckStatus:
    seen = {check.status for check in checks}
    if "alarm" in seen:
        return "alarm"
    return "quiet" if "quiet" in seen else "not measured"
