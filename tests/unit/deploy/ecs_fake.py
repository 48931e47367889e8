"""ECS as it plays rollouts, with faults, before moto's server, which keeps everything else.

moto registers task definitions, stores S3 objects and answers for load balancers; it moves no task.
So this server answers itself what concerns the service and its tasks.
"""

from __future__ import annotations

import http.client
import json
import re
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import urlsplit

ACCOUNT = "arn:aws:ecs:eu-central-1:123456789012"
OPERATION = "AmazonEC2ContainerServiceV20141113."
_KEY_ID = re.compile(r"Credential=([^/]+)/")
_HOP_BY_HOP = {"connection", "transfer-encoding", "content-length", "host"}

Fate = Literal["completes", "circuit breaker", "hangs", "foreign task"]


@dataclass
class Play:
    """What becomes of revisions other than the first."""

    candidate: Literal["healthy", "image missing", "never healthy"] = "healthy"
    rollout: Fate = "completes"


@dataclass
class EcsFake:
    """One service; `calls` lists the operations, `faults` the errors that come first."""

    behind: str
    play: Play = field(default_factory=Play)
    calls: list[str] = field(default_factory=list)
    faults: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    after_update: Callable[[], None] | None = None
    expired: set[str] = field(default_factory=set)
    url: str = ""

    def __post_init__(self) -> None:
        self._turn = threading.RLock()
        self._tasks: dict[str, dict[str, Any]] = {}
        self._number = 0
        self._looks = 0
        self.first = ""
        self.task_definition = ""
        self.desired = 0
        self.rollouts: list[dict[str, Any]] = []

    def install(self, task_definition: str, desired: int) -> None:
        """Have the service run its first revision."""
        self.first = task_definition
        self._begin(task_definition, desired)
        self._complete()

    @property
    def running(self) -> list[str]:
        """The task definitions of the service's running tasks."""
        return [one["taskDefinitionArn"] for one in self._of_service()]

    @property
    def outside(self) -> list[dict[str, Any]]:
        """Tasks that still run outside the service."""
        tasks = self._tasks.values()
        return [one for one in tasks if one["startedBy"] and one["lastStatus"] != "STOPPED"]

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        target = handler.headers.get("X-Amz-Target", "")
        is_ecs = target.startswith(OPERATION)
        operation = target.removeprefix(OPERATION) if is_ecs else f"S3 {handler.command}"
        with self._turn:
            self.calls.append(operation)
            fault = self._fault(operation, handler.headers.get("Authorization", ""))
            method = getattr(self, f"_{operation}", None)
            if fault:
                _reply(handler, *_error(fault, is_ecs=is_ecs))
            elif method:
                _reply(handler, 200, json.dumps(method(json.loads(body))).encode(), {})
            else:
                _reply(handler, *_passed_on(self.behind, handler, body))
        if operation == "UpdateService" and not fault and self.after_update:
            self.after_update()

    def _fault(self, operation: str, authorization: str) -> str | None:
        found = _KEY_ID.search(authorization)
        if found and found[1] in self.expired:
            return "ExpiredTokenException"
        return self.faults[operation].pop(0) if self.faults[operation] else None

    def _DescribeServices(self, _: dict[str, Any]) -> dict[str, Any]:  # noqa: N802 - Amazon's name
        self._go_on()
        return {"services": [self._service()], "failures": []}

    def _UpdateService(self, asked: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        if asked["taskDefinition"] != self.task_definition:
            self._begin(asked["taskDefinition"], asked["desiredCount"])
        return {"service": self._service()}

    def _RunTask(self, asked: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        task = self._task(asked["taskDefinition"], asked["startedBy"])
        if self.play.candidate == "image missing":
            reason = "CannotPullContainerError: manifest unknown: image not found"
            task |= {"lastStatus": "STOPPED", "stoppedReason": reason}
        if self.play.candidate == "healthy":
            task["healthStatus"] = "HEALTHY"
        return {"tasks": [task], "failures": []}

    def _ListTasks(self, asked: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        wanted = self.outside if "startedBy" in asked else self._of_service()
        by = asked.get("startedBy", "")
        return {"taskArns": [one["taskArn"] for one in wanted if one["startedBy"] == by]}

    def _DescribeTasks(self, asked: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        return {"tasks": [self._tasks[arn] for arn in asked["tasks"]], "failures": []}

    def _StopTask(self, asked: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        self._tasks[asked["task"]]["lastStatus"] = "STOPPED"
        return {"task": self._tasks[asked["task"]]}

    def _go_on(self) -> None:
        """What happens between two looks."""
        primary = self.rollouts[0]
        if primary["rolloutState"] != "IN_PROGRESS":
            return
        fate = "completes" if self.task_definition == self.first else self.play.rollout
        self._looks += 1
        if fate == "circuit breaker":
            if self._looks > 1:  # it tries for a while
                self._begin(self.first, self.desired)
                self._complete()
        elif fate != "hangs":
            self._complete()
        if fate == "foreign task":
            self._task(self.first, "")

    def _begin(self, task_definition: str, desired: int) -> None:
        self._number += 1
        self._looks = 0
        self.task_definition, self.desired = task_definition, desired
        older = [{**one, "status": "ACTIVE"} for one in self.rollouts]
        new = {
            "id": f"ecs-svc/{self._number}",
            "status": "PRIMARY",
            "taskDefinition": task_definition,
            "rolloutState": "IN_PROGRESS",
            "desiredCount": desired,
            "runningCount": 0,
            "pendingCount": desired,
        }
        self.rollouts = [new, *older]

    def _complete(self) -> None:
        for task in self._of_service():
            task["lastStatus"] = "STOPPED"
        for _ in range(self.desired):
            self._task(self.task_definition, "")["healthStatus"] = "HEALTHY"
        counts = {"runningCount": self.desired, "pendingCount": 0}
        self.rollouts = [{**self.rollouts[0], "rolloutState": "COMPLETED", **counts}]

    def _of_service(self) -> list[dict[str, Any]]:
        tasks = self._tasks.values()
        return [one for one in tasks if not one["startedBy"] and one["lastStatus"] == "RUNNING"]

    def _task(self, task_definition: str, started_by: str) -> dict[str, Any]:
        arn = f"{ACCOUNT}:task/pd/{len(self._tasks):032x}"
        address = {"name": "privateIPv4Address", "value": "127.0.0.1"}
        self._tasks[arn] = {
            "taskArn": arn,
            "taskDefinitionArn": task_definition,
            "startedBy": started_by,
            "lastStatus": "RUNNING",
            "healthStatus": "UNKNOWN",
            "containers": [],
            "attachments": [{"type": "ElasticNetworkInterface", "details": [address]}],
        }
        return self._tasks[arn]

    def _service(self) -> dict[str, Any]:
        network = {"subnets": ["subnet-1"], "securityGroups": ["sg-1"]}
        return {
            "serviceName": "api",
            "status": "ACTIVE",
            "taskDefinition": self.task_definition,
            "desiredCount": self.desired,
            "launchType": "FARGATE",
            "networkConfiguration": {"awsvpcConfiguration": network},
            "deployments": self.rollouts,
            "events": [{"message": "(service api) was unable to place a task."}],
        }


@contextmanager
def ecs_fake(behind: str) -> Iterator[EcsFake]:
    """Run the fake before moto's server."""
    fake = EcsFake(behind)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            fake.answer(self)

        do_GET = do_PUT = do_DELETE = do_HEAD = do_POST  # noqa: N815 - the library's names

        def log_message(self, *_: Any) -> None:
            """Stay silent."""

    with serving(Handler) as url:
        fake.url = url
        yield fake


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Serve on a free port while the block runs; a client that hangs up is no error."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            """Stay silent: clients are killed on purpose."""

    server = Server(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def _passed_on(
    behind: str, handler: BaseHTTPRequestHandler, body: bytes
) -> tuple[int, bytes, dict[str, str]]:
    headers = {k: v for k, v in handler.headers.items() if k.lower() not in _HOP_BY_HOP}
    connection = http.client.HTTPConnection(urlsplit(behind).netloc, timeout=30)
    try:
        connection.request(handler.command, handler.path, body, headers)
        reply = connection.getresponse()
        kept = {
            k: v for k, v in reply.getheaders() if k.lower() not in _HOP_BY_HOP | {"date", "server"}
        }
        return reply.status, reply.read(), kept
    finally:
        connection.close()


def _error(code: str, *, is_ecs: bool) -> tuple[int, bytes, dict[str, str]]:
    if is_ecs:
        return 400, json.dumps({"__type": code, "message": "played"}).encode(), {}
    code = code.removesuffix("Exception")
    return 400, f"<Error><Code>{code}</Code><Message>played</Message></Error>".encode(), {}


def _reply(
    handler: BaseHTTPRequestHandler, status: int, body: bytes, headers: dict[str, str]
) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)
