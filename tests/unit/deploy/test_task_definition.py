from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from deploy_stage import IMAGE, TEMPLATE, Stage
from pydantic import TypeAdapter

from creditrisk.core.errors import CreditRiskError
from creditrisk.deploy.bundle_store import upload
from creditrisk.deploy.errors import InvalidTarget, InvalidTemplate, NoDigest, OtherBundle
from creditrisk.deploy.target import EcsTarget
from creditrisk.deploy.task_definition import pinned_bundle, render, require_digest
from creditrisk.ledger.places import ANCHOR_VARIABLE, URL_VARIABLE
from creditrisk.mlops.fetching import SHA256_VARIABLE, SOURCE_VARIABLE

BUNDLE = "b" * 64


def rendered(stage: Stage, template: Path = TEMPLATE) -> dict[str, Any]:
    return render(template, stage.target(), image=IMAGE, bundle_sha256=BUNDLE)


def changed(folder: Path, **changes: Any) -> Path:
    """The template with other facts of its API's container."""
    content = json.loads(TEMPLATE.read_text())
    content["containerDefinitions"][-1] |= changes
    path = folder / "task-definition.json"
    path.write_text(json.dumps(content))
    return path


def test_nothing_is_left_to_fill_in(stage: Stage) -> None:
    """A placeholder that stays would reach ECS as a text."""
    assert "${" not in json.dumps(rendered(stage))
    TypeAdapter(int).validate_python(
        rendered(stage)["containerDefinitions"][-1]["portMappings"][0]["containerPort"],
        strict=True,
    )


def test_the_task_reads_what_the_project_reads(stage: Stage) -> None:
    """Bundle and ledger under the names that the code looks for; secrets never as values."""
    api = rendered(stage)["containerDefinitions"][-1]
    values = {one["name"] for one in api["environment"]}
    secrets = {one["name"] for one in api["secrets"]}
    assert {SOURCE_VARIABLE, SHA256_VARIABLE, ANCHOR_VARIABLE} <= values
    assert secrets == {URL_VARIABLE, "CREDITRISK_LEDGER_KEY"}
    assert pinned_bundle(rendered(stage)) == BUNDLE


def test_the_api_runs_without_rights(stage: Stage) -> None:
    """A root file system that cannot be written, no capabilities, and the image's own user."""
    api = rendered(stage)["containerDefinitions"][-1]
    assert api["readonlyRootFilesystem"] is True
    assert api["linuxParameters"]["capabilities"]["drop"] == ["ALL"]
    assert "user" not in api


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"environment": []}, "does not pin"),
        ({"image": "creditrisk-api:latest"}, "another image"),
        ({"name": "web"}, "no container 'api'"),
        ({"command": ["${typing_error}"]}, "unknown"),
    ],
)
def test_a_template_that_deploys_something_else_is_refused(
    stage: Stage, tmp_path: Path, changes: dict[str, Any], problem: str
) -> None:
    """Before anything is registered."""
    with pytest.raises(InvalidTemplate, match=problem):
        rendered(stage, changed(tmp_path, **changes))


def test_an_image_by_its_tag_is_refused() -> None:
    """A tag may name another image tomorrow."""
    assert require_digest("--image", IMAGE) == IMAGE
    for image in ("creditrisk-api", "creditrisk-api:v4", f"@sha256:{'a' * 64}", IMAGE[:-1]):
        with pytest.raises(NoDigest):
            require_digest("--image", image)


def test_another_bundle_than_the_manifest_s_is_not_uploaded(stage: Stage) -> None:
    """What lies on this machine must be what is deployed."""
    deployment = stage.deployment()
    with pytest.raises(OtherBundle):
        upload(deployment.service.amazon, stage.target(), stage.bundle.folder, BUNDLE)


def test_a_target_with_a_typing_error_is_misuse(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit 2, with the field that is wrong."""
    monkeypatch.setenv("CREDITRISK_ECS_TARGET", '{"regoin": "eu-central-1"}')
    with pytest.raises(InvalidTarget, match="regoin") as refused:
        EcsTarget.load(None)
    assert isinstance(refused.value, CreditRiskError)
    assert refused.value.exit_code == 2
