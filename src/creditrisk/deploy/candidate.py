"""One task of the new revision outside the service: no traffic reaches it, the smoke test does."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from creditrisk.deploy.clock import Clock, Deadline
from creditrisk.deploy.errors import AmazonRefused, CandidateFailed
from creditrisk.deploy.service import EcsService, stop_reason
from creditrisk.deploy.target import EcsTarget

_STOPPED = {"DEPROVISIONING", "STOPPING", "DEACTIVATING", "STOPPED"}


@dataclass
class Candidate:
    """Starts the task, finds where it answers, and stops it in the end."""

    service: EcsService
    deployment: str

    @property
    def _target(self) -> EcsTarget:
        return self.service.target

    @property
    def _clock(self) -> Clock:
        return self.service.clock

    @contextmanager
    def running(self, task_definition: str) -> Iterator[str]:
        """Run the task while the block lasts; yields the address at which it answers.

        Raises:
            CandidateFailed: it did not start, stopped, or was not healthy in time.
        """
        try:
            deadline = self._clock.deadline(self._target.waits.candidate_seconds)
            task = self._healthy(self._start(task_definition), deadline)
            with self._reachable(_private_address(task), task["taskArn"], deadline) as url:
                yield url
        finally:
            self.stop_all()

    def stop_all(self) -> None:
        """Stop every task that this deployment has started outside the service."""
        # Left running it costs money and harms nobody, so this hides no other error.
        with contextlib.suppress(AmazonRefused):
            for task in self.service.tasks(startedBy=self.deployment):
                self._call("stop_task", task=task["taskArn"], reason="smoke test over")

    def _start(self, task_definition: str) -> str:
        state = self.service.state()
        answer = self._call(
            "run_task",
            taskDefinition=task_definition,
            count=1,
            startedBy=self.deployment,
            clientToken=self.deployment,
            networkConfiguration=state.network,
            **state.launch,
        )
        for failure in answer.get("failures", []):
            raise CandidateFailed(self.deployment, str(failure.get("reason")))
        return str(answer["tasks"][0]["taskArn"])

    def _healthy(self, arn: str, deadline: Deadline) -> dict[str, Any]:
        while True:
            answer = self._call("describe_tasks", tasks=[arn])
            task: dict[str, Any] = next(iter(answer["tasks"]), {})
            status, health = task.get("lastStatus"), task.get("healthStatus")
            if status in _STOPPED:
                raise CandidateFailed(arn, f"it stopped: {stop_reason(task)}")
            if status == "RUNNING" and health == "HEALTHY":
                return task
            if status == "RUNNING" and health == "UNHEALTHY":
                raise CandidateFailed(arn, "its health check fails")
            if not deadline.rest(self._target.waits.poll_seconds):
                reason = f"not healthy in time, it is {status or 'unknown'}, health {health}"
                raise CandidateFailed(arn, reason)

    @contextmanager
    def _reachable(self, address: str, arn: str, deadline: Deadline) -> Iterator[str]:
        group, url = self._target.candidate_target_group, self._target.candidate_url
        if group is None or url is None:
            yield f"http://{address}:{self._target.container_port}"
            return
        place = [{"Id": address, "Port": self._target.container_port}]
        self._balancer("register_targets", group, place)
        try:
            self._wait_for_balancer(group, place, arn, deadline)
            yield url
        finally:
            with contextlib.suppress(AmazonRefused):
                self._balancer("deregister_targets", group, place)

    def _wait_for_balancer(
        self, group: str, place: list[dict[str, Any]], arn: str, deadline: Deadline
    ) -> None:
        while True:
            answer = self._balancer("describe_target_health", group, place)
            states = {one["TargetHealth"]["State"] for one in answer["TargetHealthDescriptions"]}
            if states == {"healthy"}:
                return
            if not deadline.rest(self._target.waits.poll_seconds):
                reason = f"the load balancer finds it {', '.join(sorted(states)) or 'nowhere'}"
                raise CandidateFailed(arn, reason)

    def _balancer(self, operation: str, group: str, place: list[dict[str, Any]]) -> dict[str, Any]:
        return self.service.amazon.call("elbv2", operation, TargetGroupArn=group, Targets=place)

    def _call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        cluster = self._target.cluster
        return self.service.amazon.call("ecs", operation, cluster=cluster, **parameters)


def _private_address(task: dict[str, Any]) -> str:
    for attachment in task.get("attachments", []):
        for detail in attachment.get("details", []):
            if detail.get("name") == "privateIPv4Address":
                return str(detail["value"])
    raise CandidateFailed(str(task.get("taskArn")), "ECS gives it no private address")
