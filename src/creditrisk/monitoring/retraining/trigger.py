"""Decides about a retraining, runs it, and leaves a record whatever happens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from creditrisk.core.errors import CreditRiskError
from creditrisk.core.files import sha256_of
from creditrisk.core.process_lock import held
from creditrisk.core.settings import Settings
from creditrisk.data.labelled import POINTER
from creditrisk.monitoring.retraining.decision import Case, decide
from creditrisk.monitoring.retraining.evidence import RuleEvidence, drift_evidence
from creditrisk.monitoring.retraining.history import HISTORY
from creditrisk.monitoring.retraining.outcome_evidence import PERFORMANCE, outcome_evidence
from creditrisk.monitoring.retraining.report import (
    RETRAIN_FAILED,
    RETRAIN_REFUSED,
    RETRAIN_WANTED,
    TRIGGER,
    InputFile,
    Request,
    RetrainTrigger,
    Rule,
)
from creditrisk.monitoring.retraining.runs import RUNS, Result, RetrainRun, RetrainRuns
from creditrisk.monitoring.retraining.snapshot import NewData
from creditrisk.monitoring.retraining.training import (
    NEXT_COMMAND,
    PipelineRun,
    TrainedFiles,
    TrainedState,
    run_pipeline,
)

LOCK = Path("reports/retrain_trigger.lock")
SNAPSHOT_STEP = "labelled snapshot"

TakeSnapshot = Callable[[], NewData]


class NoNewData(CreditRiskError):
    """No decision was ever recorded, so no outcome can be known; the pipeline is run all the same."""

    def __init__(self, anchor: Path) -> None:
        super().__init__(f"there is no ledger of decisions, {anchor} does not exist")


@dataclass(frozen=True, slots=True)
class RetrainFiles:
    """What is read and written."""

    history: Path = HISTORY
    performance: Path = PERFORMANCE
    pointer: Path = POINTER
    runs: Path = RUNS
    trigger: Path = TRIGGER
    lock: Path = LOCK
    trained: TrainedFiles = field(default_factory=TrainedFiles)


@dataclass(frozen=True, slots=True)
class Retraining:
    """One call.

    Attributes:
        request: who asks when.
        bundle_sha256: the model that is watched, None where there is none.
        settings: the whole of params.yaml.
        files: what is read and written.
        take_snapshot: writes what known outcomes add; raises NoNewData where there are none.
        command: what trains.
        wait_seconds: how long to wait for another call.
    """

    request: Request
    bundle_sha256: str | None
    settings: Settings
    files: RetrainFiles
    take_snapshot: TakeSnapshot
    command: Sequence[str]
    wait_seconds: float = 0.0


def retrain(call: Retraining) -> RetrainTrigger:
    """Decide, run where that is the decision, and write the report in either case.

    Raises:
        LockHeld: another call, or what it started, is at it; the report stays that one's.
    """
    with held(call.files.lock, "Retraining", wait_seconds=call.wait_seconds) as lock_handle:
        runs, damage = _earlier_runs(call.files.runs)
        trigger = _decided(call, runs, damage)
        if trigger.decision == "retrain":
            return _Training(call, runs, trigger, lock_handle).run()
        trigger.write(call.files.trigger)
        return trigger


def _earlier_runs(path: Path) -> tuple[RetrainRuns, str | None]:
    """The earlier runs, or why they cannot be known."""
    try:
        return RetrainRuns.of(path).without_running(), None
    except CreditRiskError as error:
        return RetrainRuns(), str(error)


def _decided(call: Retraining, runs: RetrainRuns, damage: str | None) -> RetrainTrigger:
    settings, files = call.settings.monitoring, call.files
    drift, outcomes = _evidence(call)
    case = Case(call.request, drift, outcomes, runs, damage, settings.retraining)
    decision, why = decide(case)
    refused = (RETRAIN_REFUSED,) if decision == "refused" else ()
    return RetrainTrigger(
        request=call.request,
        bundle_sha256=call.bundle_sha256,
        inputs=tuple(map(_input, (files.history, files.performance, files.pointer))),
        rule=Rule.of(settings),
        drift=drift,
        outcomes=outcomes,
        previous=runs.last,
        cool_down_until=case.cool_down_until,
        decision=decision,
        why=why,
        alarms=(*drift.alarms, *outcomes.alarms, *refused),
    )


def _evidence(call: Retraining) -> tuple[RuleEvidence, RuleEvidence]:
    if call.bundle_sha256 is None:
        absent = RuleEvidence(verdict="not measured", why="there is no model to watch")
        return absent, absent
    rules, now = call.settings.monitoring.retraining, call.request.at
    return (
        drift_evidence(call.files.history, call.bundle_sha256, rules, now),
        outcome_evidence(call.files.performance, call.bundle_sha256, rules, now),
    )


def _input(path: Path) -> InputFile:
    return InputFile(path=str(path), sha256=sha256_of(path) if path.is_file() else None)


class _Training:
    """A run, with its record kept up to date on disk."""

    def __init__(
        self, call: Retraining, runs: RetrainRuns, trigger: RetrainTrigger, lock_handle: int
    ) -> None:
        self._call = call
        self._files = call.files
        self._before = call.files.trained.state()
        self._lock_handle = lock_handle
        run = RetrainRun(
            started_at=call.request.at,
            why=trigger.why,
            asked_for=call.request.reason is not None,
            evidence=(*trigger.drift.evidence, *trigger.outcomes.evidence),
            bundle_before=self._before.bundle_sha256,
            result="running",
        )
        self._runs = runs.started(run)
        command = " ".join(call.command)
        self._trigger = trigger.model_copy(update={"command": command, "before": self._before})

    def run(self) -> RetrainTrigger:
        """Take in new data and train; dry, only say what would be run."""
        if self._call.request.dry:
            return self._note("dry run")
        self._note("running")
        try:
            self._take_snapshot()
            done = run_pipeline(self._call.command, lock_handle=self._lock_handle)
        except CreditRiskError as error:
            return self._note("failed", failed_stage=SNAPSHOT_STEP, problem=str(error))
        except BaseException as error:
            self._note("failed", problem=f"{type(error).__name__}: {error}")
            raise
        return self._ended(done)

    def _take_snapshot(self) -> None:
        found: dict[str, NewData | str] = {}
        try:
            found["new_data"] = self._call.take_snapshot()
        except NoNewData as error:
            found["no_new_data_because"] = str(error)
        self._trigger = self._trigger.model_copy(update=found)

    def _ended(self, done: PipelineRun) -> RetrainTrigger:
        if done.exit_code:
            return self._note(
                "failed",
                exit_code=done.exit_code,
                failed_stage=done.failed_stage,
                problem=done.last_lines,
                after=self._files.trained.state(),
            )
        after = self._files.trained.state()
        if after == self._before:
            return self._note("unchanged", exit_code=0, after=after)
        return self._note("changed", exit_code=0, after=after, next_command=NEXT_COMMAND)

    def _note(
        self,
        result: Result,
        *,
        exit_code: int | None = None,
        failed_stage: str | None = None,
        problem: str | None = None,
        after: TrainedState | None = None,
        next_command: str | None = None,
    ) -> RetrainTrigger:
        alarm = {"failed": (RETRAIN_FAILED,), "dry run": (RETRAIN_WANTED,)}.get(result, ())
        self._trigger = self._trigger.model_copy(
            update={
                "result": result,
                "exit_code": exit_code,
                "failed_stage": failed_stage,
                "problem": problem,
                "after": after,
                "next_command": next_command,
                "alarms": (*self._trigger.alarms, *alarm),
            }
        )
        self._runs = self._runs.ended(result)
        self._runs.write(self._files.runs)
        self._trigger.write(self._files.trigger)
        return self._trigger
