"""A deployment from lock to alias, and back from wherever it fails.

What is about to change is recorded before it changes. So a process that is killed leaves a record
from which the next one, or `recover`, puts the previous revision back.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TypeVar

from creditrisk.core.errors import CreditRiskError
from creditrisk.deploy.amazon import Amazon
from creditrisk.deploy.bundle_store import upload
from creditrisk.deploy.candidate import Candidate
from creditrisk.deploy.clock import Clock
from creditrisk.deploy.errors import DeploymentRefused, LockLost, RollbackFailed
from creditrisk.deploy.interruption import Interrupted, Interruptions
from creditrisk.deploy.journal import Journal, Record, Revision
from creditrisk.deploy.promotion import Promotion
from creditrisk.deploy.report import DeploymentReport, Outcome, Rollback, Step
from creditrisk.deploy.rollback import Way, smoke_patience
from creditrisk.deploy.service import EcsService
from creditrisk.deploy.smoke import Expected, SmokeTest
from creditrisk.deploy.target import EcsTarget
from creditrisk.deploy.task_definition import render
from creditrisk.mlops.deployment import DeployManifest

Result = TypeVar("Result")


@dataclass(frozen=True)
class Order:
    """What shall be deployed."""

    manifest: DeployManifest
    bundle: Path
    image: str
    template: Path


@dataclass
class Deployment:
    """One deployment, or the recovery of another one."""

    target: EcsTarget
    promotion: Promotion
    api_key: str | None = None
    clock: Clock = field(default_factory=Clock)
    interruptions: Interruptions = field(default_factory=Interruptions)

    def __post_init__(self) -> None:
        self.id = f"creditrisk-{secrets.token_hex(6)}"
        amazon = Amazon(self.target.region, self.clock, self.target.waits.call_attempts)
        self.service = EcsService(amazon, self.target, self.clock)
        self.journal = Journal(amazon, self.target, self.clock, self.id)
        self.clock.on_rest.append(self.journal.renew)
        self._way = Way(self.service, self.journal, self.api_key)
        self._facts: dict[str, Any] = {
            "service": self.target.name,
            "deployment": self.id,
            "started_at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        self._steps: list[Step] = []
        self._began = self.clock.now()

    def run(self, order: Order, wait_seconds: float) -> DeploymentReport:
        """Deploy; the report says what became of it, and `error_of` whether that is an error."""
        champion = order.manifest.champion
        self._facts |= {
            "model_name": order.manifest.model_name,
            "version": champion.version,
            "bundle_sha256": champion.bundle_sha256,
            "image": order.image,
        }
        with self.interruptions.watched():
            return self._guarded(lambda: self._deploy(order, wait_seconds))

    def recover(self, wait_seconds: float) -> DeploymentReport:
        """Put back what a killed deployment left behind; nothing where it left nothing."""
        with self.interruptions.watched():
            return self._guarded(lambda: self._recovered(wait_seconds))

    def _guarded(self, attempt: Callable[[], DeploymentReport]) -> DeploymentReport:
        try:
            return attempt()
        except LockLost as error:
            return self._report("overtaken", str(error))
        except (Exception, Interrupted) as error:  # noqa: BLE001 - whatever it is, nothing stays half done
            return self._undone(error)

    def _deploy(self, order: Order, wait_seconds: float) -> DeploymentReport:
        self.promotion.require_allowed(order.manifest.champion.bundle_sha256)
        left = self._locked(wait_seconds)
        if left is not None:
            self._settle(left)
            self.journal.begin_anew()
        previous = self._step("read the service", self.service.settled_revision, _told_revision)
        self._facts["previous"] = previous
        new = self._prepared(order, previous)
        self._tested_outside(order, new)
        self.journal.advance("updating", previous=previous, new=new)
        self._rolled_out(order, new)
        self.interruptions.defer()
        self.journal.advance("promoting")
        self._facts["champion"] = self._step("move the alias", lambda: self._promoted(new))
        return self._released("deployed", None)

    def _locked(self, wait_seconds: float) -> Record | None:
        return self._step("take the lock", lambda: self.journal.acquire(wait_seconds), _told_left)

    def _prepared(self, order: Order, previous: Revision) -> Revision:
        sha256 = order.manifest.champion.bundle_sha256
        definition = render(order.template, self.target, image=order.image, bundle_sha256=sha256)
        self._step(
            "upload the bundle",
            lambda: upload(self.service.amazon, self.target, order.bundle, sha256),
            lambda count: f"{count} files",
        )
        arn = self._step("register the task definition", lambda: self.service.register(definition))
        new = Revision(
            task_definition=arn,
            desired_count=previous.desired_count or self.target.desired_count,
            bundle_sha256=sha256,
        )
        self._facts["new"] = new
        return new

    def _tested_outside(self, order: Order, new: Revision) -> None:
        candidate = Candidate(self.service, self.id)
        with (
            self._timed("test one task outside the service"),
            candidate.running(new.task_definition) as url,
        ):
            self._smoke("candidate_smoke", url, order)

    def _rolled_out(self, order: Order, new: Revision) -> None:
        deadline = self.clock.deadline(self.target.waits.rollout_seconds)
        ecs_id = self._step("update the service", lambda: self.service.update(new))
        with self._timed("wait until only the new revision runs"):
            self.service.wait_until_runs(new, ecs_id, deadline)
        with self._timed("test through the load balancer"):
            self._smoke("balancer_smoke", self.target.url, order)
        with self._timed("look at the tasks once more"):
            self.service.require_tasks_of(new)

    def _smoke(self, name: str, url: str, order: Order) -> None:
        expected = Expected(
            order.manifest.champion.bundle_sha256, order.manifest.smoke, pinned=True
        )
        patience = smoke_patience(self.service)
        report = SmokeTest(url, expected, patience, self.clock, self.api_key).run()
        self._facts[name] = report
        report.require_passed()

    def _promoted(self, new: Revision) -> str:
        if self._is_champion(new):
            return "is the champion already"
        try:
            return self.promotion.promote()
        except Exception:
            # The alias may have moved before something else failed; it is what counts.
            if self._is_champion(new):
                return "is the champion, though its promotion ended in an error"
            raise

    def _recovered(self, wait_seconds: float) -> DeploymentReport:
        left = self._locked(wait_seconds)
        if left is None:
            return self._released("nothing to recover", None)
        self._facts |= {"previous": left.previous, "new": left.new}
        done = self._settle(left)
        return self._released(done, f"{left.deployment} was cut off while {left.phase}")

    def _settle(self, left: Record) -> Outcome:
        """Deal with what a dead owner left; gives the outcome."""
        Candidate(self.service, left.deployment).stop_all()
        if left.phase == "preparing" or left.previous is None:
            return "recovered"
        if left.phase == "promoting" and self._is_champion(left.new):
            # Its smoke tests had passed, and the alias had moved: all of it was done.
            return "completed"
        self._put_back(left.previous)
        return "recovered"

    def _put_back(self, previous: Revision) -> Rollback:
        self.interruptions.defer()
        rollback = self._way.back_to(previous)
        self._facts["rollback"] = rollback
        if not rollback.verified:
            raise RollbackFailed(self._not_back(rollback))
        return rollback

    def _undone(self, error: BaseException) -> DeploymentReport:
        """After a failure: the previous revision again, or the word that it is not known."""
        self.interruptions.defer()
        reason = str(error) or type(error).__name__
        if not self.journal.is_held:
            return self._report("refused", reason)
        record = self.journal.record
        if record.deployment != self.id or isinstance(error, RollbackFailed):
            return self._report("rollback failed", reason)
        if record.phase == "preparing" or record.previous is None:
            return self._released("refused", reason)
        return self._rolled_back(record, record.previous, reason)

    def _rolled_back(self, record: Record, previous: Revision, reason: str) -> DeploymentReport:
        try:
            self._put_back(previous)
        except LockLost as lost:
            return self._report("overtaken", f"{reason} {lost}")
        except RollbackFailed as failed:
            return self._report("rollback failed", f"{reason} {failed}")
        return self._released("rolled back", f"{reason}{self._alias_ahead(record.new)}")

    def _alias_ahead(self, new: Revision | None) -> str:
        """A word on a version that was the champion before it was deployed."""
        try:
            ahead = self._is_champion(new)
        except CreditRiskError as error:
            return f" Whether it is the champion could not be asked: {error}"
        told = (
            " It is the registry's champion all the same: creditrisk rollback-model takes it back."
        )
        return told if ahead else ""

    def _is_champion(self, revision: Revision | None) -> bool:
        sha256 = revision.bundle_sha256 if revision else None
        return sha256 is not None and self.promotion.is_champion(sha256)

    def _released(self, outcome: Outcome, reason: str | None) -> DeploymentReport:
        try:
            self.journal.release()
        except CreditRiskError as error:
            # What was to be done is done; the lock is free once its lease is over.
            reason = f"{reason or ''} The lock was not released: {error}".strip()
        return self._report(outcome, reason)

    def _not_back(self, rollback: Rollback) -> str:
        return (
            f"It is not known that {self.target.name} runs "
            f"{rollback.revision.task_definition} again: {rollback.problem} "
            "creditrisk deploy-ecs --recover tries again."
        )

    def _step(
        self, name: str, act: Callable[[], Result], told: Callable[[Result], str] = str
    ) -> Result:
        with self._timed(name) as details:
            result = act()
            details.append(told(result))
        return result

    @contextmanager
    def _timed(self, name: str) -> Iterator[list[str]]:
        began = self.clock.now()
        details: list[str] = []
        try:
            yield details
        except BaseException as error:
            self._note(name, "failed", str(error) or type(error).__name__, began)
            raise
        self._note(name, "passed", "".join(details), began)

    def _note(
        self, name: str, status: Literal["passed", "failed"], detail: str, began: float
    ) -> None:
        seconds = round(self.clock.now() - began, 3)
        self._steps.append(Step(name=name, status=status, detail=detail, seconds=seconds))

    def _report(self, outcome: Outcome, reason: str | None) -> DeploymentReport:
        return DeploymentReport(
            outcome=outcome, reason=reason, steps=tuple(self._steps), **self._facts
        )


def _told_left(left: Record | None) -> str:
    return "free" if left is None else f"{left.deployment} was cut off while {left.phase}"


def _told_revision(revision: Revision) -> str:
    return f"{revision.task_definition}, {revision.desired_count} tasks"


def error_of(report: DeploymentReport) -> CreditRiskError | None:
    """What a command ends with; None where all is as it was asked for."""
    if report.outcome in {"rollback failed", "overtaken"}:
        return RollbackFailed(report.headline())
    if report.outcome in {"refused", "rolled back"}:
        return DeploymentRefused(report.headline())
    return None
