"""What ends a deployment."""

from __future__ import annotations

from creditrisk.core.errors import CreditRiskError, Misuse

NEEDS_A_PERSON = 3


class NotConfigured(Misuse):
    """It is not said where to deploy to."""

    def __init__(self, variable: str) -> None:
        super().__init__(
            f"Nothing was deployed: neither --target nor {variable} says where to. "
            "docs/deployment.md shows what Terraform writes there."
        )


class InvalidTarget(Misuse):
    """The place to deploy to is described wrongly."""

    def __init__(self, source: str, problems: list[str]) -> None:
        super().__init__(f"{source} does not describe a target:\n  " + "\n  ".join(problems))


class InvalidTemplate(Misuse):
    """A task definition is not what can be deployed."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path} refused: {problem}.")


class NoDigest(Misuse):
    """An image is named by a tag, which may name another image tomorrow."""

    def __init__(self, flag: str, seen: str) -> None:
        super().__init__(
            f"{flag} is {seen!r}; required is REPOSITORY@sha256: and 64 hexadecimal digits, "
            "as the push of the image tells it."
        )


class OtherBundle(CreditRiskError):
    """The bundle on this machine is not the one that the manifest describes."""

    def __init__(self, folder: str, seen: str, required: str) -> None:
        super().__init__(
            f"{folder} holds bundle {seen[:12]}, the manifest is about {required[:12]}. Run "
            "creditrisk deploy-manifest for this bundle."
        )


class NoBoto3(Misuse):
    """Amazon's client is not installed."""

    def __init__(self) -> None:
        super().__init__("boto3 is not installed: pip install 'creditrisk[aws]'.")


class AmazonRefused(CreditRiskError):
    """A call that was not answered with success, however often it was tried."""

    def __init__(self, operation: str, code: str, message: str) -> None:
        self.operation, self.code = operation, code
        super().__init__(f"Amazon refused {operation} with {code}: {message}")


class DeploymentUnderWay(CreditRiskError):
    """Another deployment holds the lock."""

    def __init__(self, service: str, owner: str, deployment: str, free_in_seconds: float) -> None:
        super().__init__(
            f"{service} is being deployed by {owner} ({deployment}). Its lock is free in "
            f"{free_in_seconds:.0f} s unless it renews it; --wait waits."
        )


class LockLost(CreditRiskError):
    """Another deployment has taken the lock over, because this one did not renew it in time."""

    def __init__(self, service: str) -> None:
        super().__init__(
            f"The deployment lock of {service} is another's by now; this deployment touches "
            "nothing any more. The other one has put the recorded revision back, or is doing so."
        )


class UnreadableJournal(CreditRiskError):
    """What is recorded of the last deployment cannot be read."""

    def __init__(self, place: str, problems: list[str]) -> None:
        told = "\n  ".join(problems)
        super().__init__(f"{place} is no deployment journal, a person has to look:\n  {told}")


class ServiceUnfit(CreditRiskError):
    """The service is not in a state from which it can be deployed to."""

    def __init__(self, service: str, problem: str) -> None:
        super().__init__(f"{service} not deployed to: {problem}.")


class CandidateFailed(CreditRiskError):
    """The one task outside the service did not become healthy."""

    def __init__(self, task: str, reason: str) -> None:
        super().__init__(f"The candidate task {task} is not fit for traffic: {reason}.")


class SmokeFailed(CreditRiskError):
    """What was deployed does not answer as it must."""

    def __init__(self, url: str, failures: list[str]) -> None:
        super().__init__(f"{url} failed its smoke test:\n  " + "\n  ".join(failures))


class RolloutFailed(CreditRiskError):
    """The service did not come to run the new revision."""

    def __init__(self, service: str, reason: str) -> None:
        super().__init__(f"{service} does not run the new revision: {reason}.")


class DeploymentRefused(CreditRiskError):
    """The deployment did not happen; the service runs what it ran before."""


class ApprovalNeeded(CreditRiskError):
    """Every promotion is a person's, and none stands behind this one."""

    def __init__(self, bundle_sha256: str) -> None:
        super().__init__(
            f"Bundle {bundle_sha256[:12]} is not the champion, and promotion.automatic is false. "
            "Name who approves it with --approved-by and --reason, or promote it first: "
            "creditrisk promote-model."
        )


class RollbackFailed(CreditRiskError):
    """It is not known that the service runs the recorded revision again: a person has to look."""

    exit_code = NEEDS_A_PERSON
