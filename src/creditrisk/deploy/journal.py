"""The lock of a service and the journal of its deployment: one object in S3.

S3 writes an object only if it does not exist, or only if it is still the version that was read. So
of two deployments one gets the lock, and one that lost it finds out at its next write. The same
object says which revision to put back, so whoever takes over after a killed process knows.
"""

from __future__ import annotations

import os
import secrets
import socket
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any, Literal

from pydantic import ValidationError

from creditrisk.core.errors import validation_problems
from creditrisk.core.report import Part
from creditrisk.deploy.amazon import Amazon
from creditrisk.deploy.clock import Clock
from creditrisk.deploy.errors import (
    AmazonRefused,
    DeploymentUnderWay,
    LockLost,
    UnreadableJournal,
)
from creditrisk.deploy.target import EcsTarget

# What another deployment must do that finds it: nothing, clean up, put the revision back, or ask
# the registry whether the deployment was complete.
Phase = Literal["idle", "preparing", "updating", "promoting"]

_CHANGED = {"PreconditionFailed", "ConditionalRequestConflict", "412", "409"}
_ABSENT = {"NoSuchKey", "404"}
_RENEW_SHARE = 1 / 3
_GIVE_UP_SHARE = 0.8


class Revision(Part):
    """A task definition with the number of tasks that run it, and the bundle that it pins."""

    task_definition: str
    desired_count: int
    bundle_sha256: str | None


class Record(Part):
    """What is under way: by whom, how far, what was there before, what shall be there."""

    deployment: str
    owner: str
    phase: Phase
    previous: Revision | None = None
    new: Revision | None = None


@dataclass
class _Stored:
    record: Record
    etag: str
    age_seconds: float


def this_process() -> str:
    """Who deploys, for a person; the last word tells two processes of one name apart."""
    run = os.environ.get("GITHUB_RUN_ID")
    where = f"GitHub run {run}" if run else f"{socket.gethostname()} process {os.getpid()}"
    return f"{where} {secrets.token_hex(4)}"


@dataclass
class Journal:
    """The journal of a service, of which this process is the owner after `acquire`."""

    amazon: Amazon
    target: EcsTarget
    clock: Clock
    deployment: str
    owner: str = field(default_factory=this_process)

    def __post_init__(self) -> None:
        self._stored: _Stored | None = None
        self._renewed_at = 0.0
        self._writing = False

    @property
    def is_held(self) -> bool:
        """Whether this process is the owner, as far as it knows."""
        return self._stored is not None

    @property
    def key(self) -> str:
        """Where the object lies in the bucket."""
        return f"deployments/{self.target.cluster}/{self.target.service}.json"

    @property
    def record(self) -> Record:
        """What this process has written last."""
        if self._stored is None:
            raise LockLost(self.target.name)
        return self._stored.record

    def acquire(self, wait_seconds: float) -> Record | None:
        """Take the lock; gives what a dead owner left behind, if it has changed anything.

        Raises:
            DeploymentUnderWay: another process holds it, and did so until the wait was over.
            UnreadableJournal: a person has to look.
        """
        deadline = self.clock.deadline(wait_seconds)
        while True:
            found = self._read()
            if found is None or found.record.phase == "idle":
                left = None
                wanted = Record(deployment=self.deployment, owner=self.owner, phase="preparing")
            else:
                left = found.record
                wanted = left.model_copy(update={"owner": self.owner})
                self._require_stale(found, deadline.seconds_left)
            if (found is None or self._is_free(found)) and self._write(wanted, found):
                return left
            deadline.rest(self.target.waits.poll_seconds)

    def advance(self, phase: Phase, **changes: Any) -> None:
        """Record the next step, before it is taken.

        Raises:
            LockLost: another process has taken the lock over.
        """
        record = self.record.model_copy(update={"phase": phase, **changes})
        if not self._write(record, self._stored):
            raise LockLost(self.target.name)

    def renew(self) -> None:
        """Say that this process lives, where it has not done so for a while.

        Raises:
            LockLost: another process has taken the lock over, or could have by now.
        """
        if self._stored is None or self._writing:
            return
        silent = self.clock.now() - self._renewed_at
        lease = self.target.waits.lease_seconds
        if silent < lease * _RENEW_SHARE:
            return
        renewed_at = self._renewed_at
        try:
            self.advance(self.record.phase)
        except AmazonRefused:
            self._renewed_at = renewed_at
            if silent > lease * _GIVE_UP_SHARE:
                raise

    def begin_anew(self) -> None:
        """After a dead owner's deployment was dealt with: from here on it is this process's own."""
        record = Record(deployment=self.deployment, owner=self.owner, phase="preparing")
        if not self._write(record, self._stored):
            raise LockLost(self.target.name)

    def release(self) -> None:
        """Let the next deployment begin."""
        self.advance("idle")
        self._stored = None

    def _require_stale(self, found: _Stored, seconds_left: float) -> None:
        free_in = self.target.waits.lease_seconds - found.age_seconds
        if free_in > 0 and seconds_left <= 0:
            record = found.record
            raise DeploymentUnderWay(self.target.name, record.owner, record.deployment, free_in)

    def _is_free(self, found: _Stored) -> bool:
        stale = found.age_seconds >= self.target.waits.lease_seconds
        return found.record.phase == "idle" or stale

    def _write(self, record: Record, over: _Stored | None) -> bool:
        """Write over what was read; False where somebody else has written in between."""
        self._renewed_at = self.clock.now()
        self._writing = True
        try:
            etag = self._put(record, over)
        finally:
            self._writing = False
        if etag is not None:
            self._stored = _Stored(record, etag, 0.0)
        return etag is not None

    def _put(self, record: Record, over: _Stored | None) -> str | None:
        condition = {"IfMatch": over.etag} if over else {"IfNoneMatch": "*"}
        try:
            answer = self._call("put_object", Body=_bytes(record), **condition)
        except AmazonRefused as error:
            if error.code not in _CHANGED:
                raise
            # An answer that was lost makes the second attempt fail on the first one's success.
            found = self._read()
            return found.etag if found is not None and found.record == record else None
        return str(answer["ETag"])

    def _read(self) -> _Stored | None:
        try:
            answer = self._call("get_object")
        except AmazonRefused as error:
            if error.code in _ABSENT:
                return None
            raise
        try:
            record = Record.model_validate_json(answer["Body"].read())
        except ValidationError as error:
            place = f"s3://{self.target.state_bucket}/{self.key}"
            raise UnreadableJournal(place, validation_problems(error)) from error
        return _Stored(record, str(answer["ETag"]), _age_seconds(answer))

    def _call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        where = {"Bucket": self.target.state_bucket, "Key": self.key}
        return self.amazon.call("s3", operation, **where, **parameters)


def _bytes(record: Record) -> bytes:
    return record.model_dump_json(indent=2).encode()


def _age_seconds(answer: dict[str, Any]) -> float:
    """How long ago the object was written, by the one clock of S3."""
    now = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
    return float((now - answer["LastModified"]).total_seconds())
