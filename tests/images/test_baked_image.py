"""A model that is baked in by build argument goes through the same check as one that is fetched."""

from __future__ import annotations

import shutil
import subprocess
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from containers import ROOT, api_flags, engine_environment, image, podman, running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from creditrisk.mlops.bundle import Bundle


@pytest.fixture
def name() -> Iterator[str]:
    """The name of an image to be built, which is gone afterwards."""
    name = f"localhost/creditrisk-test:{uuid.uuid4().hex[:12]}"
    yield name
    podman("rmi", "--force", name, check=False)


def bake(bundle: Bundle, sha256: str, folder: Path, name: str) -> subprocess.CompletedProcess[str]:
    """Build upon the image that is there the part of Dockerfile.api that bakes a model in."""
    text = (ROOT / "Dockerfile.api").read_text()
    part = text[text.index("# No model is baked in") : text.index("ARG REVISION")]
    dockerfile = f"FROM {image('api')}\nUSER 0:0\n{part}USER 10001:10001\n"
    (folder / "Dockerfile").write_text(dockerfile)
    shutil.copytree(bundle.folder, folder / "models")
    arguments = ["--build-arg=BUNDLE=models", f"--build-arg=BUNDLE_SHA256={sha256}"]
    command = [shutil.which("buildah") or "buildah", "bud", "--format=docker", *arguments]
    return subprocess.run(
        [*command, "--tag", name, str(folder)],
        env=engine_environment(),
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_baked_model_answers_without_a_mount(
    bundle: Bundle, keys: tuple[Path, str], tmp_path: Path, name: str
) -> None:
    """The image knows its bundle and the hash; nothing of it is told at start."""
    built = bake(bundle, bundle.sha256, tmp_path, name)
    assert built.returncode == 0, built.stdout + built.stderr
    flags = api_flags(bundle.folder, bundle.sha256, keys[0])
    pairs = zip(flags[::2], flags[1::2], strict=True)
    others = [word for pair in pairs if "bundle" not in pair[1].lower() for word in pair]
    with running(name, *others) as container:
        container.wait_until_healthy()


def test_another_model_than_the_named_one_is_not_baked(
    bundle: Bundle, tmp_path: Path, name: str
) -> None:
    """The build fails and says why."""
    built = bake(bundle, "0" * 64, tmp_path, name)
    assert built.returncode != 0
    assert "SHA-256 of manifest.json" in built.stdout + built.stderr
