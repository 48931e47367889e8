from __future__ import annotations

from collections.abc import Iterator

import pytest
from api_stand_in import StandIn, stand_in
from deploy_stage import skipping_clock

from creditrisk.deploy.smoke import (
    Expected,
    SmokePatience,
    SmokeReport,
    SmokeTest,
    UnsafeAddress,
)
from creditrisk.mlops.bundle import Bundle
from creditrisk.mlops.deployment import DeployManifest

PATIENCE = SmokePatience(request_seconds=20, all_seconds=3, pause_seconds=1)
IMPATIENCE = SmokePatience(request_seconds=0.3, all_seconds=3, pause_seconds=1)


@pytest.fixture
def api(manifest: DeployManifest, sealed_bundle: Bundle) -> Iterator[StandIn]:
    """An API that gives every answer right."""
    with stand_in(manifest, lambda: sealed_bundle.sha256) as running:
        yield running


def asked(
    api: StandIn,
    *,
    pinned: bool = True,
    key: str | None = None,
    patience: SmokePatience = PATIENCE,
) -> SmokeReport:
    manifest = api.manifest
    expected = Expected(manifest.champion.bundle_sha256, manifest.smoke, pinned=pinned)
    return SmokeTest(api.url, expected, patience, skipping_clock(), key).run()


def failed(report: SmokeReport) -> list[str]:
    return [check.name for check in report.checks if check.status == "failed"]


def test_right_answers_pass(api: StandIn) -> None:
    """Each question is asked once."""
    report = asked(api)
    assert (report.decision, report.requests, len(report.checks)) == ("passed", 5, 5)


def test_a_pd_that_differs_in_its_last_bits_fails(api: StandIn) -> None:
    """PDs are compared to the last bit, and a wrong one is not asked for again."""
    api.fault = "wrong PD"
    report = asked(api)
    assert failed(report) == ["POST /predict, 1 applicants", "POST /predict, 5 applicants"]
    assert report.requests == 5


@pytest.mark.parametrize("fault", ["timeout", "503"])
def test_what_does_not_answer_is_asked_until_the_time_is_up(api: StandIn, fault: str) -> None:
    """A load balancer without tasks may find some; not for ever."""
    api.fault = fault
    report = asked(api, patience=IMPATIENCE)
    assert report.decision == "failed"
    assert report.requests > 5


def test_an_api_that_follows_a_pointer_fails_where_it_must_not(api: StandIn) -> None:
    """On ECS the task pins its bundle; elsewhere following the champion is right."""
    api.fault = "follows"
    assert failed(asked(api, pinned=True)) == ["GET /metadata"]
    assert failed(asked(api, pinned=False)) == []


def test_the_key_is_presented(api: StandIn) -> None:
    """Each request bears it."""
    asked(api, key="a-key")
    assert api.keys == ["a-key"] * 5


@pytest.mark.parametrize("url", ["http://pd.example.com", "ftp://10.0.0.1", "file:///etc/passwd"])
def test_a_key_never_travels_in_the_clear(api: StandIn, url: str) -> None:
    """Only https, or http to a private address."""
    expected = Expected(api.manifest.champion.bundle_sha256)
    with pytest.raises(UnsafeAddress):
        SmokeTest(url, expected, PATIENCE, skipping_clock(), "a-key")
    assert SmokeTest("http://10.0.0.1:8000", expected, PATIENCE, skipping_clock(), "a-key")
