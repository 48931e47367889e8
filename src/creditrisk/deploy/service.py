"""The service as ECS tells of it, and the few things that are done to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from creditrisk.deploy.amazon import Amazon
from creditrisk.deploy.clock import Clock, Deadline
from creditrisk.deploy.errors import RolloutFailed, ServiceUnfit
from creditrisk.deploy.journal import Revision
from creditrisk.deploy.target import EcsTarget
from creditrisk.deploy.task_definition import API, pinned_bundle

_DESCRIBED_AT_ONCE = 100
_EVENTS = 3


@dataclass(frozen=True)
class Rollout:
    """One of the service's deployments."""

    id: str
    is_primary: bool
    task_definition: str
    state: str
    reason: str
    desired: int
    running: int
    pending: int

    @property
    def is_settled(self) -> bool:
        """Whether ECS has nothing left to do."""
        return self.state == "COMPLETED" and self.running == self.desired and not self.pending


@dataclass(frozen=True)
class ServiceState:
    """The service at one moment."""

    task_definition: str
    desired_count: int
    rollouts: tuple[Rollout, ...]
    network: Mapping[str, Any]
    launch: Mapping[str, Any]
    events: tuple[str, ...]

    @property
    def primary(self) -> Rollout | None:
        """The deployment that ECS works towards."""
        return next((one for one in self.rollouts if one.is_primary), None)

    @property
    def is_settled(self) -> bool:
        """Whether the service runs one revision, as many tasks as it should."""
        primary = self.primary
        return len(self.rollouts) == 1 and primary is not None and primary.is_settled

    @property
    def last_events(self) -> str:
        """What ECS itself said of late."""
        return "; ".join(self.events[:_EVENTS]) or "ECS says nothing"


@dataclass
class EcsService:
    """One service of ECS; every call is repeated where Amazon is at fault."""

    amazon: Amazon
    target: EcsTarget
    clock: Clock

    def state(self) -> ServiceState:
        """The service now.

        Raises:
            ServiceUnfit: there is no such active service.
        """
        answer = self._call("describe_services", services=[self.target.service])
        found = [one for one in answer["services"] if one["status"] == "ACTIVE"]
        if not found:
            raise ServiceUnfit(self.target.name, "there is no active service of that name")
        return _state(found[0])

    def settled_revision(self) -> Revision:
        """The revision that the service runs.

        Raises:
            ServiceUnfit: it is being changed, by whomever.
        """
        state = self.state()
        if not state.is_settled:
            problem = (
                "another rollout is under way, or its tasks do not run; ECS says: "
                f"{state.last_events}"
            )
            raise ServiceUnfit(self.target.name, problem)
        return Revision(
            task_definition=state.task_definition,
            desired_count=state.desired_count,
            bundle_sha256=self.pinned_bundle(state.task_definition),
        )

    def pinned_bundle(self, task_definition: str) -> str | None:
        """The bundle that a registered task definition pins."""
        answer = self.amazon.call("ecs", "describe_task_definition", taskDefinition=task_definition)
        return pinned_bundle(answer["taskDefinition"])

    def register(self, definition: Mapping[str, Any]) -> str:
        """Register a task definition; gives its ARN."""
        answer = self.amazon.call("ecs", "register_task_definition", **definition)
        return str(answer["taskDefinition"]["taskDefinitionArn"])

    def update(self, revision: Revision) -> str:
        """Have the service run a revision; gives the id of ECS's deployment."""
        answer = self._call(
            "update_service",
            service=self.target.service,
            taskDefinition=revision.task_definition,
            desiredCount=revision.desired_count,
        )
        primary = _state(answer["service"]).primary
        return primary.id if primary else ""

    def wait_until_runs(self, revision: Revision, deployment: str, deadline: Deadline) -> None:
        """Wait until ECS is done with a deployment, and the running tasks are of that revision.

        Raises:
            RolloutFailed: ECS gave it up or put another in its place, or the time is up.
        """
        seen = False
        while True:
            state = self.state()
            mine = next((one for one in state.rollouts if one.id == deployment), None)
            seen = seen or mine is not None
            self._require_not_given_up(state, mine, seen=seen)
            if mine and mine.is_primary and state.is_settled:
                break
            if not deadline.rest(self.target.waits.poll_seconds):
                reason = f"not stable in time; ECS says: {state.last_events}"
                raise RolloutFailed(self.target.name, reason)
        self.require_tasks_of(revision)

    def require_tasks_of(self, revision: Revision) -> None:
        """Look at the running tasks themselves.

        Raises:
            RolloutFailed: one is of another revision, or they are too few.
        """
        tasks = self.tasks(serviceName=self.target.service)
        others = {one["taskDefinitionArn"] for one in tasks} - {revision.task_definition}
        if others:
            told = ", ".join(sorted(others))
            raise RolloutFailed(self.target.name, f"tasks of another revision run: {told}")
        running = [one for one in tasks if one["lastStatus"] == "RUNNING"]
        if len(running) < revision.desired_count:
            reason = f"{len(running)} tasks run, required {revision.desired_count}"
            raise RolloutFailed(self.target.name, reason)
        ill = [one["taskArn"] for one in running if one.get("healthStatus") == "UNHEALTHY"]
        if ill:
            raise RolloutFailed(self.target.name, f"unhealthy tasks: {', '.join(ill)}")

    def tasks(self, **chosen: str) -> list[dict[str, Any]]:
        """The tasks that run, described."""
        cluster = self.target.cluster
        arns = self.amazon.pages(
            "ecs", "list_tasks", "taskArns", cluster=cluster, desiredStatus="RUNNING", **chosen
        )
        found: list[dict[str, Any]] = []
        for group in _groups(arns):
            found += self._call("describe_tasks", tasks=group)["tasks"]
        return found

    def _require_not_given_up(
        self, state: ServiceState, mine: Rollout | None, *, seen: bool
    ) -> None:
        if mine and mine.state == "FAILED":
            reason = f"ECS gave it up, {mine.reason or state.last_events}"
            raise RolloutFailed(self.target.name, reason)
        if seen and (mine is None or not mine.is_primary):
            now = state.primary.task_definition if state.primary else "nothing"
            reason = f"ECS, or somebody else, put {now} in its place: {state.last_events}"
            raise RolloutFailed(self.target.name, reason)

    def _call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        return self.amazon.call("ecs", operation, cluster=self.target.cluster, **parameters)


def stop_reason(task: Mapping[str, Any]) -> str:
    """Why a task stopped, by ECS and by its containers."""
    parts = [str(task.get("stoppedReason") or "no reason given")]
    for container in task.get("containers", []):
        code = container.get("exitCode")
        told = container.get("reason") or (f"exit code {code}" if code is not None else "")
        if told and (container.get("reason") or code or container.get("name") == API):
            parts.append(f"{container.get('name')}: {told}")
    return "; ".join(parts)


def _state(service: Mapping[str, Any]) -> ServiceState:
    strategy = service.get("capacityProviderStrategy")
    launch = (
        {"capacityProviderStrategy": strategy}
        if strategy
        else {"launchType": service.get("launchType") or "FARGATE"}
    )
    return ServiceState(
        task_definition=service["taskDefinition"],
        desired_count=service["desiredCount"],
        rollouts=tuple(map(_rollout, service["deployments"])),
        network=service.get("networkConfiguration", {}),
        launch=launch,
        events=tuple(str(event.get("message", "")) for event in service.get("events", [])),
    )


def _rollout(deployment: Mapping[str, Any]) -> Rollout:
    return Rollout(
        id=deployment["id"],
        is_primary=deployment["status"] == "PRIMARY",
        task_definition=deployment["taskDefinition"],
        state=deployment.get("rolloutState", "IN_PROGRESS"),
        reason=deployment.get("rolloutStateReason", ""),
        desired=deployment["desiredCount"],
        running=deployment["runningCount"],
        pending=deployment["pendingCount"],
    )


def _groups(arns: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(arns), _DESCRIBED_AT_ONCE):
        yield arns[start : start + _DESCRIBED_AT_ONCE]
