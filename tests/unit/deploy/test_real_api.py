"""The smoke test and the rollout against the API itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from api_server import ApiServer, running

from creditrisk.mlops.bundle import Bundle

if TYPE_CHECKING:
    from deploy_stage import Stage


@pytest.fixture(scope="module")
def api(sealed_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """`creditrisk serve` on the sealed bundle, pinned as on ECS."""
    folder = tmp_path_factory.mktemp("api")
    with running(folder, "--bundle", str(sealed_bundle.folder)) as server:
        yield server


def test_the_api_itself_passes_before_and_behind_the_service(stage: Stage, api: ApiServer) -> None:
    """A process of the project gives the golden PDs to the last bit, and the rollout ends well."""
    served = replace(
        stage,
        candidate=replace(stage.candidate, url=api.url),
        balancer=replace(stage.balancer, url=api.url),
    )
    report = served.deployment().run(served.order(), 0.0)
    assert report.outcome == "deployed", report.reason
    for smoke in (report.candidate_smoke, report.balancer_smoke):
        assert smoke is not None
        assert smoke.decision == "passed"


def test_the_api_with_another_model_s_manifest_is_refused(stage: Stage, api: ApiServer) -> None:
    """A PD that another model would give is wrong, however near."""
    request = stage.manifest.smoke[0]
    wrong = request.model_copy(update={"probabilities": (request.probabilities[0] + 2**-50,)})
    manifest = stage.manifest.model_copy(update={"smoke": (wrong,)})
    served = replace(stage, candidate=replace(stage.candidate, url=api.url))
    report = served.deployment().run(served.order(manifest=manifest), 0.0)
    assert report.outcome == "refused"
    assert "PDs" in (report.reason or "")


def test_the_command_tells_right_from_wrong(
    stage: Stage, api: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`creditrisk smoke-test` writes its report either way."""
    from creditrisk.deploy.errors import SmokeFailed
    from creditrisk.deploy.smoke import SmokeReport
    from creditrisk.pipelines import smoke_test

    monkeypatch.chdir(tmp_path)
    stage.manifest.write(Path("reports/deploy_manifest.json"))
    smoke_test.main(api.url, pinned=True)
    assert SmokeReport.read(Path("reports/smoke_test.json")).decision == "passed"
    stage.candidate.fault = "wrong PD"
    with pytest.raises(SmokeFailed):
        smoke_test.main(stage.candidate.url)
    assert SmokeReport.read(Path("reports/smoke_test.json")).decision == "failed"
