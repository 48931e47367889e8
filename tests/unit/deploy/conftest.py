"""The fixtures of deployments; what they build stands in deploy_stage."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest

_TESTS = Path(__file__).parents[2]
sys.path[:0] = [
    str(_TESTS / place) for place in ("unit/deploy", "unit/observability", "model", "api")
]

if TYPE_CHECKING:
    from deploy_stage import Stage

    from creditrisk.mlops.bundle import Bundle
    from creditrisk.mlops.deployment import DeployManifest


@pytest.fixture(scope="session")
def sealed_bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A sealed bundle; tests only read it."""
    from simulated_lending import sealed

    return sealed(tmp_path_factory.mktemp("bundle"))


@pytest.fixture(scope="session")
def manifest(sealed_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> DeployManifest:
    """Its manifest, with rows that the API takes: the simulated lending has some that it refuses."""
    from api_server import golden_rows

    from creditrisk.mlops.deployment import FeatureRequest, SmokeRequest, describe_deployment
    from creditrisk.mlops.versions import RegisteredVersion, Standing

    version = RegisteredVersion("2", "run 2", sealed_bundle.sha256, ("champion",), {})
    now = Standing("CreditRiskPD", (version,))
    described = describe_deployment(sealed_bundle, now, tmp_path_factory.mktemp("root"))
    rows = golden_rows(sealed_bundle.folder)
    requests = tuple(
        SmokeRequest(
            method="POST",
            path="/predict",
            body=FeatureRequest(features=tuple(row for row, _ in rows[:count])),
            probabilities=tuple(pd for _, pd in rows[:count]),
        )
        for count in (1, 5)
    )
    return described.model_copy(update={"smoke": requests})


@pytest.fixture(scope="session")
def moto() -> Iterator[str]:
    """The server of moto."""
    from cloudwatch_servers import moto_server

    with moto_server() as url:
        yield url


@pytest.fixture
def stage(
    moto: str,
    sealed_bundle: Bundle,
    manifest: DeployManifest,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Iterator[Stage]:
    """A service that runs two tasks of an old bundle."""
    import urllib.request

    from api_stand_in import stand_in
    from deploy_stage import BUCKET, OLD_BUNDLE, Pins, Registry, Stage, credentials
    from ecs_fake import ecs_fake

    forget = urllib.request.Request(f"{moto}/moto-api/reset", method="POST")  # noqa: S310 - moto's
    urllib.request.urlopen(forget).close()  # noqa: S310
    with ecs_fake(moto) as fake:
        credentials(monkeypatch, tmp_path, fake.url)
        state = boto3.session.Session().client("s3", region_name="eu-central-1", endpoint_url=moto)
        place = {"LocationConstraint": "eu-central-1"}
        state.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=place)
        pins = Pins(moto)
        fake.install(pins.register(OLD_BUNDLE), desired=2)
        with (
            stand_in(manifest, lambda: sealed_bundle.sha256) as candidate,
            stand_in(manifest, lambda: pins.of(fake.running[0])) as balancer,
        ):
            registry = Registry(wanted=sealed_bundle.sha256)
            yield Stage(fake, candidate, balancer, sealed_bundle, manifest, registry, state)
