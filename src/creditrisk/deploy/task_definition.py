"""The task definition: a template of the repository, filled in with images, bundle and target."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from creditrisk.core.errors import MissingFile
from creditrisk.deploy.errors import InvalidTemplate, NoDigest
from creditrisk.deploy.target import EcsTarget

API = "api"
BUNDLE_VARIABLE = "CREDITRISK_BUNDLE_SHA256"
_DIGEST = re.compile(r"^[\w./:-]+@sha256:[0-9a-f]{64}$")
_PLACEHOLDER = re.compile(r"\$\{(\w+)\}")


def require_digest(flag: str, image: str) -> str:
    """The image, if it is named by its digest.

    Raises:
        NoDigest: it is not.
    """
    if not _DIGEST.match(image):
        raise NoDigest(flag, image)
    return image


def render(template: Path, target: EcsTarget, *, image: str, bundle_sha256: str) -> dict[str, Any]:
    """What `register_task_definition` takes.

    A text that is one placeholder alone becomes its value, a number as a number, but among texts.

    Raises:
        MissingFile, InvalidTemplate: the template is not there, names what is unknown, or its API
            would follow another model than the one deployed.
    """
    if not template.exists():
        raise MissingFile(template, "creditrisk deploy-ecs", "Pass --task-definition.")
    values = target.placeholders() | {
        "api_image": image,
        "bundle_sha256": bundle_sha256,
        "bundle_source": bundle_address(target, bundle_sha256),
    }
    try:
        content = json.loads(template.read_text(encoding="utf-8"))
        rendered: dict[str, Any] = _filled(content, values)
    except json.JSONDecodeError as error:
        raise InvalidTemplate(str(template), f"it is no JSON, {error}") from error
    except KeyError as error:
        raise InvalidTemplate(str(template), f"it names what is unknown, {error}") from error
    _require_sound(template, rendered, image, bundle_sha256)
    return rendered


def bundle_address(target: EcsTarget, bundle_sha256: str) -> str:
    """Where the tasks fetch the bundle."""
    return f"s3://{target.state_bucket}/bundles/{bundle_sha256}"


def pinned_bundle(definition: Mapping[str, Any]) -> str | None:
    """The SHA-256 of the bundle that a task definition pins; None where it pins none."""
    for container in definition.get("containerDefinitions", []):
        if container.get("name") == API:
            return _variables(container).get(BUNDLE_VARIABLE)
    return None


def _filled(content: Any, values: Mapping[str, Any]) -> Any:
    if isinstance(content, dict):
        return {key: _filled(value, values) for key, value in content.items()}
    if isinstance(content, list):
        filled = [_filled(value, values) for value in content]
        return [str(value) if isinstance(value, int) else value for value in filled]
    if not isinstance(content, str):
        return content
    if whole := _PLACEHOLDER.fullmatch(content):
        return values[whole[1]]
    return _PLACEHOLDER.sub(lambda found: str(values[found[1]]), content)


def _require_sound(
    template: Path, rendered: Mapping[str, Any], image: str, bundle_sha256: str
) -> None:
    containers = {one["name"]: one for one in rendered["containerDefinitions"]}
    if API not in containers:
        raise InvalidTemplate(str(template), f"it has no container '{API}'")
    if containers[API]["image"] != image:
        raise InvalidTemplate(str(template), f"its container '{API}' runs another image")
    if pinned_bundle(rendered) != bundle_sha256:
        raise InvalidTemplate(
            str(template), f"its container '{API}' does not pin {BUNDLE_VARIABLE}"
        )
    if "healthCheck" not in containers[API]:
        raise InvalidTemplate(str(template), f"its container '{API}' has no health check")


def _variables(container: Mapping[str, Any]) -> dict[str, str]:
    return {one["name"]: one["value"] for one in container.get("environment", [])}
