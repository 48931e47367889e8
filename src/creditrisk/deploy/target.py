"""Where a model is deployed to: what Terraform made, in one JSON document."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, ValidationError

from creditrisk.core.errors import MissingFile, validation_problems
from creditrisk.core.settings import Section
from creditrisk.deploy.errors import InvalidTarget, NotConfigured

TARGET_VARIABLE = "CREDITRISK_ECS_TARGET"

Arn = Annotated[str, Field(pattern=r"^arn:[\w-]+:[\w-]+:[\w-]*:\d*:.+$")]
Seconds = Annotated[float, Field(gt=0)]


class Waits(Section):
    """How long each part may take, and how often it is looked at.

    A lock that was not renewed for `lease_seconds` is its owner's no longer. Everything that passes
    between two renewals is shorter: one request of a smoke test, one call of Amazon's.
    """

    candidate_seconds: Seconds = 600.0
    rollout_seconds: Seconds = 1_200.0
    rollback_seconds: Seconds = 1_200.0
    smoke_seconds: Seconds = 120.0
    request_seconds: Seconds = 10.0
    poll_seconds: Seconds = 5.0
    lease_seconds: Seconds = 180.0
    call_attempts: Annotated[int, Field(ge=1, le=20)] = 6


class EcsTarget(Section):
    """A service of ECS, and what its tasks need.

    `url` is the load balancer's. `candidate_target_group` and `candidate_url` lead to the one task
    that is tested outside the service; without them it is asked at its private address, which takes
    a deployment from inside the network. `state_bucket` holds the lock, the journal and the bundles.
    """

    region: Annotated[str, Field(min_length=1)]
    cluster: Annotated[str, Field(min_length=1)]
    service: Annotated[str, Field(min_length=1)]
    family: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,255}$")]
    url: Annotated[str, Field(pattern=r"^https?://")]
    candidate_url: Annotated[str, Field(pattern=r"^https?://")] | None = None
    candidate_target_group: Arn | None = None
    container_port: Annotated[int, Field(ge=1, le=65_535)] = 8_000
    desired_count: Annotated[int, Field(ge=1)] = 2
    state_bucket: Annotated[str, Field(min_length=3)]
    execution_role: Arn
    task_role: Arn
    log_group: Annotated[str, Field(min_length=1)]
    ledger_url_secret: Arn
    ledger_key_secret: Arn
    api_keys_secret: Arn
    anchor_file_system: Annotated[str, Field(pattern=r"^fs-[0-9a-f]+$")]
    anchor_access_point: Annotated[str, Field(pattern=r"^fsap-[0-9a-f]+$")]
    waits: Waits = Waits()

    @property
    def name(self) -> str:
        """The service for a person."""
        return f"{self.cluster}/{self.service}"

    @classmethod
    def load(cls, path: Path | None) -> Self:
        """The target of a file, else of the environment.

        Raises:
            MissingFile, NotConfigured: there is none.
            InvalidTarget: it is not what is needed.
        """
        if path is None:
            return cls._parsed(TARGET_VARIABLE, _from_environment())
        if not path.exists():
            raise MissingFile(path, "creditrisk deploy-ecs", "terraform output writes it.")
        return cls._parsed(str(path), path.read_text(encoding="utf-8"))

    @classmethod
    def _parsed(cls, source: str, text: str) -> Self:
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            raise InvalidTarget(source, validation_problems(error)) from error

    def placeholders(self) -> dict[str, Any]:
        """What a template of a task definition may name of the target."""
        return {
            "region": self.region,
            "family": self.family,
            "container_port": self.container_port,
            "execution_role": self.execution_role,
            "task_role": self.task_role,
            "log_group": self.log_group,
            "ledger_url_secret": self.ledger_url_secret,
            "ledger_key_secret": self.ledger_key_secret,
            "api_keys_secret": self.api_keys_secret,
            "anchor_file_system": self.anchor_file_system,
            "anchor_access_point": self.anchor_access_point,
        }


def is_configured() -> bool:
    """Whether the environment says where to deploy to."""
    return bool(os.environ.get(TARGET_VARIABLE, "").strip())


def _from_environment() -> str:
    text = os.environ.get(TARGET_VARIABLE, "").strip()
    if not text:
        raise NotConfigured(TARGET_VARIABLE)
    return text
