"""A month's end: drift, outcomes and the question of a retraining, by the code of production."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from creditrisk.core.files import atomic_path
from creditrisk.core.settings import Settings
from creditrisk.data.labelled import POINTER, SNAPSHOTS
from creditrisk.ledger import DecisionLedger
from creditrisk.monitoring.outcomes.answers import Answer, answer_of
from creditrisk.monitoring.outcomes.labelled import labelled_decisions
from creditrisk.monitoring.outcomes.loading import LoadRequest, OutcomeLoad, load_outcomes
from creditrisk.monitoring.outcomes.outcome_file import DECISION_ID, TARGET
from creditrisk.monitoring.outcomes.performance import PerformanceReport, measure_performance
from creditrisk.monitoring.production.ledger_window import Stretch, ledger_pull
from creditrisk.monitoring.production.measurement import measure_production, training_rows
from creditrisk.monitoring.production.report import METRICS, REPORT, DriftMetrics
from creditrisk.monitoring.retraining.history import HISTORY, DriftWindow, record_window
from creditrisk.monitoring.retraining.outcome_evidence import PERFORMANCE
from creditrisk.monitoring.retraining.report import TRIGGER, Request, RetrainTrigger
from creditrisk.monitoring.retraining.runs import RUNS
from creditrisk.monitoring.retraining.snapshot import SnapshotPlaces, take_snapshot
from creditrisk.monitoring.retraining.training import COMMAND
from creditrisk.monitoring.retraining.trigger import LOCK, RetrainFiles, Retraining, retrain
from creditrisk.scoring.decisions import DECISIONS
from creditrisk.scoring.scorer import Scorer
from creditrisk.simulation.calendar import OUTCOME_DAYS, SimulatedMonth
from creditrisk.simulation.workspace import Workspace

if TYPE_CHECKING:
    from creditrisk.monitoring.production.pull import Pull
    from creditrisk.monitoring.production.report import ProductionDriftReport

DECLINED = "decline"
_LOADED_BY = "simulation"


@dataclass(frozen=True, slots=True)
class Watch:
    """The monitoring of one workspace over its open ledger."""

    workspace: Workspace
    ledger: DecisionLedger
    settings: Settings

    def drift(
        self, month: SimulatedMonth, scorer: Scorer, training: Path
    ) -> tuple[Pull, ProductionDriftReport]:
        """Compare what was decided in the month with the champion's training side."""
        stretch = Stretch(month.begin, month.end)
        pull = ledger_pull(self.ledger, stretch, scorer.bundle_sha256, scorer.manifest.features)
        report = measure_production(pull, scorer, self.settings, training_rows(training, scorer))
        figures = DriftMetrics.of(report)
        report.write(self.workspace.path(REPORT))
        figures.write(self.workspace.path(METRICS))
        named = DriftWindow.model_fields.keys() - {"measured_at"}
        window = DriftWindow(measured_at=month.end, **figures.model_dump(include=named))
        record_window(window, self.workspace.path(HISTORY))
        return pull, report

    def decisions(self, month: SimulatedMonth) -> dict[str, int]:
        """How many were approved, referred and declined in the month."""
        counted = Counter(answer.decision for answer in self._answers(month))
        return {name: counted[name] for name in DECISIONS}

    def load_outcomes(self, decided: SimulatedMonth, truth: Path, as_of: datetime) -> OutcomeLoad:
        """Load what became of a month's accepted applicants; nobody learns it of those declined."""
        path = self.workspace.path(f"months/outcomes_{decided.number:02d}.csv")
        _write_outcomes(path, self._answers(decided), _targets(truth))
        request = LoadRequest(
            path=path,
            shown=path.name,
            refused=path.with_suffix(".refused.csv"),
            loaded_by=_LOADED_BY,
            as_of=as_of.date(),
        )
        return load_outcomes(request, self.ledger, self.settings)

    def performance(self, as_of: datetime) -> PerformanceReport:
        """Report what is known by then."""
        report = measure_performance(self.ledger, self.settings, as_of.date())
        report.write(self.workspace.path(PERFORMANCE))
        return report

    def retrain(self, bundle_sha256: str, at: datetime) -> RetrainTrigger:
        """Ask whether to retrain; where the answer is yes, the pipeline runs."""
        place = self.workspace.path
        places = SnapshotPlaces(place(POINTER), place(SNAPSHOTS))
        files = RetrainFiles(
            history=place(HISTORY),
            performance=place(PERFORMANCE),
            pointer=places.pointer,
            runs=place(RUNS),
            trigger=place(TRIGGER),
            lock=place(LOCK),
            trained=self.workspace.trained,
        )
        return retrain(
            Retraining(
                request=Request(at=at, reason=None, dry=not self.settings.monitoring.auto_retrain),
                bundle_sha256=bundle_sha256,
                settings=self.settings,
                files=files,
                take_snapshot=lambda: take_snapshot(
                    labelled_decisions(self.ledger, at.date()), places, self.settings.contracts
                ),
                command=self.workspace.command(*COMMAND),
            )
        )

    def _answers(self, month: SimulatedMonth) -> Iterator[Answer]:
        for stored in self.ledger.window(month.begin, month.end):
            if stored.kind == "decision" and isinstance(answer := answer_of(stored), Answer):
                yield answer


def _write_outcomes(path: Path, answers: Iterator[Answer], targets: dict[int, int]) -> None:
    with (
        atomic_path(path) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as stream,
    ):
        writer = csv.writer(stream)
        writer.writerow((DECISION_ID, TARGET, "maturity_date"))
        for answer in answers:
            if answer.decision != DECLINED:
                day = date.fromisoformat(answer.decided_at[:10]) + timedelta(days=OUTCOME_DAYS)
                writer.writerow((answer.decision_id, targets[answer.applicant], day.isoformat()))


def _targets(truth: Path) -> dict[int, int]:
    from pyarrow import parquet

    table = parquet.read_table(truth, columns=["SK_ID_CURR", "TARGET"])
    return dict(zip(*(table.column(name).to_pylist() for name in table.column_names), strict=True))
