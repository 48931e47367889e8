"""What became of a deployment."""

from __future__ import annotations

from typing import Literal

from creditrisk.core.report import Part, Report
from creditrisk.deploy.journal import Revision
from creditrisk.deploy.smoke import SmokeReport

Outcome = Literal[
    "deployed",
    "refused",
    "rolled back",
    "rollback failed",
    "overtaken",
    "recovered",
    "completed",
    "nothing to recover",
    "not deployed",
]


class Step(Part):
    """A part of the deployment that ended; the last one may have failed."""

    name: str
    status: Literal["passed", "failed"]
    detail: str
    seconds: float


class Rollback(Part):
    """How the recorded revision was put back; `attempts` counts whole attempts.

    `verified` says that ECS was settled, all running tasks were of that revision, and the load
    balancer answered with its bundle, where it pins one.
    """

    revision: Revision
    verified: bool
    attempts: int
    problem: str | None
    smoke: SmokeReport | None = None


class DeploymentReport(Report):
    """What a deployment did, step by step; null is what it never came to.

    `refused` changed nothing. `rolled back` and `recovered` put the previous revision back, verified.
    `completed` finished what a killed deployment had shown to be sound. After `rollback failed` and
    `overtaken` a person has to look. The file holds times and names of revisions, so DVC does not
    track it.
    """

    outcome: Outcome
    reason: str | None
    service: str | None
    deployment: str | None
    started_at: str
    model_name: str | None = None
    version: str | None = None
    bundle_sha256: str | None = None
    image: str | None = None
    previous: Revision | None = None
    new: Revision | None = None
    steps: tuple[Step, ...] = ()
    candidate_smoke: SmokeReport | None = None
    balancer_smoke: SmokeReport | None = None
    rollback: Rollback | None = None
    champion: str | None = None

    def headline(self) -> str:
        """The report in one line for a person."""
        what = f"{self.model_name} version {self.version}" if self.model_name else "the model"
        if self.outcome == "not deployed":
            return f"not deployed: {self.reason}"
        if self.outcome == "nothing to recover":
            return f"{self.service}: nothing to recover, no deployment was cut off"
        if self.outcome == "deployed":
            return f"{self.service}: deployed {what} ({self.champion})"
        return f"{self.service}: {self.outcome}{f', {self.reason}' if self.reason else ''}"
