"""Plays the months: what is answered in one is watched at its end, and decides who answers next."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from creditrisk.contracts.tables import APPLICANT_KEY
from creditrisk.core.settings import (
    ScenarioSettings,
    Settings,
    SyntheticSettings,
)
from creditrisk.data.synthetic import generate_month
from creditrisk.data.synthetic.portfolio import PRODUCTION_FOLDER
from creditrisk.ledger import DecisionLedger
from creditrisk.models import metrics
from creditrisk.monitoring.drift.report import names_of_moved
from creditrisk.monitoring.outcomes.measures import Measure
from creditrisk.monitoring.outcomes.performance import PerformanceReport
from creditrisk.monitoring.retraining.report import RetrainTrigger
from creditrisk.simulation.applications import request_bodies, request_count
from creditrisk.simulation.calendar import SimulatedClock, SimulatedMonth
from creditrisk.simulation.desk import Arrival, Reception, champion, receive
from creditrisk.simulation.promises import promises
from creditrisk.simulation.promotion import bring_to_promotion
from creditrisk.simulation.timeline import (
    DriftSeen,
    OutcomesSeen,
    Played,
    PromotionSeen,
    RetrainingSeen,
    Timeline,
    TimelineMonth,
    Truth,
)
from creditrisk.simulation.watching import Watch
from creditrisk.simulation.workspace import SPLITS, Workspace

if TYPE_CHECKING:
    from creditrisk.monitoring.production.pull import Pull
    from creditrisk.monitoring.production.report import ProductionDriftReport
    from creditrisk.scoring.scorer import Scorer
    from creditrisk.serve.model import ServingModel

_APPLICANTS_A_REQUEST = 50
_CHAMPIONS = Path("champions")
_MONTHS = Path("months")
_TRUTH = Path("months_truth")

Show = Callable[[Timeline], None]


@dataclass
class Simulation:
    """A workspace with its first champion, and the months that have been played.

    `show` is called after the first model and after each month.
    """

    workspace: Workspace
    settings: Settings
    played: Played
    show: Show
    _months: list[TimelineMonth] = field(default_factory=list)

    def play(self) -> Timeline:
        """Train the first model if need be, then play all months and one more for its outcomes."""
        if not self.workspace.served.exists():
            self.workspace.train_first_model()
        self._keep_training_side()
        first = self._champion()
        clock = SimulatedClock(SimulatedMonth(1).begin)
        for number in range(1, self.played.months + 1):
            with self.workspace.ledger(clock) as ledger:
                played = self._play(SimulatedMonth(number), first.scorer, ledger, clock)
            self._months = [*self._months, played]
            self.show(self._timeline(first))
        with self.workspace.ledger(clock) as ledger:
            self._learn(SimulatedMonth(self.played.months + 1), ledger, clock)
        timeline = self._timeline(first)
        self.show(timeline)
        return timeline

    def _play(
        self, month: SimulatedMonth, first: Scorer, ledger: DecisionLedger, clock: SimulatedClock
    ) -> TimelineMonth:
        model = self._champion()
        synthetic = self._synthetic()
        threads = self.settings.resources.usable_threads
        place = self.workspace.path
        folder = generate_month(
            place(_MONTHS), place(_TRUTH), synthetic, month.number, threads=threads
        )
        reception = self._receive(month, folder, model, ledger, clock)
        shutil.rmtree(folder)  # the ledger has what was asked
        watch = Watch(self.workspace, ledger, self.settings)
        pull, drift = watch.drift(month, model.scorer, self._training_side(model))
        self._learn(month, ledger, clock)
        clock.set(month.end)
        trigger = watch.retrain(model.served.bundle_sha256, month.end)
        return TimelineMonth(
            number=month.number,
            month=f"{month.begin:%Y-%m}",
            is_shifted=self._is_shifted(month),
            champion=model.served.version or "none",
            bundle_sha256=model.served.bundle_sha256,
            applicants=pull.window.rows,
            refused_requests=reception.refused,
            decisions=watch.decisions(month),
            drift=_drift_seen(drift, trigger),
            truth=self._truth(month, pull, first),
            retraining=_retraining_seen(trigger),
            promotion=self._promotion(trigger),
        )

    def _receive(
        self,
        month: SimulatedMonth,
        folder: Path,
        model: ServingModel,
        ledger: DecisionLedger,
        clock: SimulatedClock,
    ) -> Reception:
        moments = month.moments(request_count(folder, _APPLICANTS_A_REQUEST))
        bodies = request_bodies(folder, _APPLICANTS_A_REQUEST, self.settings.resources)
        arrivals = (Arrival(*pair) for pair in zip(moments, bodies, strict=True))
        return receive(arrivals, model, ledger, clock, self.settings)

    def _learn(self, month: SimulatedMonth, ledger: DecisionLedger, clock: SimulatedClock) -> None:
        """At a month's end: outcomes of the month before, and performance as far as it is known."""
        clock.set(month.end)
        watch = Watch(self.workspace, ledger, self.settings)
        if month.number > 1:
            before = SimulatedMonth(month.number - 1)
            watch.load_outcomes(before, self._truth_file(before), month.end)
        report = watch.performance(month.end)
        known = {seen: _outcomes_seen(report, seen) for seen in (one.month for one in self._months)}
        self._months = [
            one.model_copy(update={"outcomes": known[one.month]}) for one in self._months
        ]

    def _truth(self, month: SimulatedMonth, pull: Pull, first: Scorer) -> Truth:
        import numpy as np
        from pyarrow import parquet

        table = parquet.read_table(self._truth_file(month), columns=[APPLICANT_KEY, "TARGET"])
        targets = dict(zip(*(column.to_pylist() for column in table.columns), strict=True))
        target = [targets[key] for key in pull.table.column(APPLICANT_KEY).to_pylist()]
        return Truth(
            default_rate=sum(target) / len(target),
            roc_auc=Measure.of(metrics.roc_auc_estimate(target, np.asarray(pull.scores))),
            first_model_roc_auc=Measure.of(
                metrics.roc_auc_estimate(target, first.probabilities(pull.table))
            ),
        )

    def _promotion(self, trigger: RetrainTrigger) -> PromotionSeen | None:
        after = trigger.after
        if trigger.result != "changed" or after is None or after.bundle_sha256 is None:
            return None
        seen = bring_to_promotion(self.workspace, after.bundle_sha256)
        if seen.promoted:
            self._keep_training_side()
        return seen

    def _champion(self) -> ServingModel:
        return champion(self.workspace.served, self.settings)

    def _keep_training_side(self) -> None:
        """Keep what the champion was trained on: the splits change with the next retraining."""
        source = self.workspace.path(SPLITS / "train.parquet")
        target = self._training_side(self._champion())
        target.parent.mkdir(exist_ok=True)
        shutil.copy(source, target)

    def _training_side(self, model: ServingModel) -> Path:
        return self.workspace.path(_CHAMPIONS / f"{model.served.bundle_sha256}.parquet")

    def _truth_file(self, month: SimulatedMonth) -> Path:
        name = f"month_{month.number:02d}.parquet"
        return self.workspace.path(_TRUTH / PRODUCTION_FOLDER / name)

    def _synthetic(self) -> SyntheticSettings:
        played = self.played
        return SyntheticSettings(
            applicants=played.applicants,
            seed=played.seed,
            months=played.months,
            month_applicants=played.month_applicants,
            scenario=ScenarioSettings(
                kind=played.scenario, strength=played.strength, from_month=played.from_month
            ),
        )

    def _is_shifted(self, month: SimulatedMonth) -> bool:
        return self.played.scenario != "none" and month.number >= self.played.from_month

    def _timeline(self, first: ServingModel) -> Timeline:
        return Timeline(
            played=self.played,
            domain_bars=self.settings.monitor_drift.domain_auc,
            retraining=self.settings.monitoring.retraining,
            outcomes=self.settings.monitoring.outcomes,
            first_champion=first.served.bundle_sha256,
            months=tuple(self._months),
            promises=promises(self.played, self._months),
        )


def _drift_seen(report: ProductionDriftReport, trigger: RetrainTrigger) -> DriftSeen:
    judged = {window.window_sha256: window.above for window in trigger.drift.windows}
    predictions, domain = report.predictions, report.domain
    return DriftSeen(
        status=report.status,
        drift_share=report.drift_share,
        score_psi=report.score.value,
        domain_auc=domain.roc_auc if domain else None,
        domain_status=domain.status if domain else "not measured",
        mean_pd=predictions.mean_pd if predictions else None,
        approval_rate=predictions.approval.current_share if predictions else None,
        moved=names_of_moved(report.features),
        is_above=bool(judged.get(report.window.sha256)),
    )


def _outcomes_seen(report: PerformanceReport, month: str) -> OutcomesSeen | None:
    matured = next((one.matured for one in report.months if one.month == month), None)
    if matured is None:
        return None
    return OutcomesSeen(
        outcomes=matured.realised.outcomes,
        defaults=matured.realised.defaults,
        estimated_roc_auc=matured.expected.roc_auc,
        roc_auc=matured.realised.roc_auc,
        observed_expected=matured.realised.observed_expected,
    )


def _retraining_seen(trigger: RetrainTrigger) -> RetrainingSeen:
    return RetrainingSeen(
        decision=trigger.decision,
        why=trigger.why,
        drift=trigger.drift.verdict,
        outcomes=trigger.outcomes.verdict,
        alarms=trigger.alarms,
        result=trigger.result,
        failed_stage=trigger.failed_stage,
        new_applicants=trigger.new_data.applicants if trigger.new_data else None,
    )
