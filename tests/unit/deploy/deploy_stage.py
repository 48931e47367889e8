"""A service on the fake ECS with everything around it, and time that does not pass by itself."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3

from creditrisk.deploy.clock import Clock
from creditrisk.deploy.errors import ApprovalNeeded
from creditrisk.deploy.rollout import Deployment, Order
from creditrisk.deploy.target import EcsTarget
from creditrisk.deploy.task_definition import pinned_bundle
from creditrisk.mlops.bundle import Bundle
from creditrisk.mlops.deployment import DeployManifest

if TYPE_CHECKING:
    import pytest
    from api_stand_in import StandIn
    from ecs_fake import EcsFake

ROOT = Path(__file__).parents[3]
BUCKET = "creditrisk-state"
OLD_BUNDLE = "1" * 64
IMAGE = f"123456789012.dkr.ecr.eu-central-1.amazonaws.com/creditrisk-api@sha256:{'a' * 64}"
TEMPLATE = ROOT / "deploy/ecs/task-definition.json"


@dataclass
class Registry:
    """The registry's word on the champion; `refusal` is raised instead of a promotion."""

    champion: str | None = OLD_BUNDLE
    refusal: Exception | None = None
    is_allowed: bool = True
    moves: list[str] = field(default_factory=list)
    wanted: str = ""

    def is_champion(self, bundle_sha256: str) -> bool:
        """Whether it is."""
        return self.champion == bundle_sha256

    def require_allowed(self, bundle_sha256: str) -> None:
        """Refuse unless somebody approved, or it stands already."""
        if not self.is_allowed and not self.is_champion(bundle_sha256):
            raise ApprovalNeeded(bundle_sha256)

    def promote(self) -> str:
        """Move the alias."""
        if self.refusal:
            raise self.refusal
        self.moves.append(self.wanted)
        self.champion = self.wanted
        return "promoted"


@dataclass
class Stage:
    """Everything around a deployment."""

    fake: EcsFake
    candidate: StandIn
    balancer: StandIn
    bundle: Bundle
    manifest: DeployManifest
    registry: Registry
    state: Any

    def target(self, **changes: Any) -> EcsTarget:
        """The place to deploy to; deadlines are of a time that tests let pass."""
        facts = {
            "region": "eu-central-1",
            "cluster": "pd",
            "service": "api",
            "family": "creditrisk-api",
            "url": self.balancer.url,
            "container_port": urlsplit(self.candidate.url).port,
            "desired_count": 2,
            "state_bucket": BUCKET,
            "execution_role": "arn:aws:iam::123456789012:role/execution",
            "task_role": "arn:aws:iam::123456789012:role/task",
            "log_group": "/creditrisk/api",
            **{
                f"{name}_secret": f"arn:aws:secretsmanager:eu-central-1:123456789012:secret:{name}"
                for name in ("ledger_url", "ledger_key", "api_keys")
            },
            "anchor_file_system": "fs-0123456789abcdef0",
            "anchor_access_point": "fsap-0123456789abcdef0",
        }
        waits = {
            "request_seconds": 20,
            "smoke_seconds": 12,
            "poll_seconds": 60,
            "lease_seconds": 3_600,
        }
        return EcsTarget.model_validate(
            facts | {"waits": waits | changes.pop("waits", {})} | changes
        )

    def deployment(self, **changes: Any) -> Deployment:
        """A deployment whose time passes only in rests."""
        return Deployment(self.target(**changes), self.registry, clock=skipping_clock())

    def order(self, **changes: Any) -> Order:
        """What is deployed."""
        facts = {
            "manifest": self.manifest,
            "bundle": self.bundle.folder,
            "image": IMAGE,
            "template": TEMPLATE,
        }
        return Order(**(facts | changes))

    def journal(self) -> dict[str, Any]:
        """What the journal holds now."""
        body = self.state.get_object(Bucket=BUCKET, Key="deployments/pd/api.json")["Body"]
        content: dict[str, Any] = json.loads(body.read())
        return content


def skipping_clock() -> Clock:
    """A clock that rests cost nothing but its own time."""
    moment = [0.0]

    def sleep(seconds: float) -> None:
        moment[0] += seconds

    return Clock(now=lambda: moment[0], sleep=sleep)


def credentials(monkeypatch: pytest.MonkeyPatch, folder: Path, url: str) -> None:
    """Credentials in a file, as a job has them that renews its own, and every service at one address."""
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(folder / "no-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(folder / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    write_credentials(folder, "first")


def write_credentials(folder: Path, key_id: str) -> None:
    """What the credentials' file holds from now on."""
    text = f"[default]\naws_access_key_id = {key_id}\naws_secret_access_key = secret\n"
    (folder / "credentials").write_text(text)


class Pins:
    """The task definitions of moto, and the bundle that each pins."""

    def __init__(self, url: str) -> None:
        self._client = boto3.session.Session().client(
            "ecs", region_name="eu-central-1", endpoint_url=url
        )

    def register(self, bundle_sha256: str) -> str:
        """Register a definition that pins a bundle."""
        pinned = {"name": "CREDITRISK_BUNDLE_SHA256", "value": bundle_sha256}
        container = {"name": "api", "image": "old", "memory": 512, "environment": [pinned]}
        answer = self._client.register_task_definition(
            family="creditrisk-api", containerDefinitions=[container]
        )
        return str(answer["taskDefinition"]["taskDefinitionArn"])

    def of(self, task_definition: str) -> str | None:
        """The bundle that a definition pins."""
        answer = self._client.describe_task_definition(taskDefinition=task_definition)
        return pinned_bundle(answer["taskDefinition"])
