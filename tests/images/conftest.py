"""A model and keys for the images that `make images` has built; without it nothing here is collected."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

_TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(_TESTS / place) for place in ("images", "model", "api")]

if "CREDITRISK_TEST_IMAGES" not in os.environ:
    collect_ignore_glob = ["test_*.py"]

if TYPE_CHECKING:
    from collections.abc import Iterator

    from containers import Container

    from creditrisk.mlops.bundle import Bundle


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A sealed bundle; tests only read it."""
    from simulated_lending import sealed

    return sealed(tmp_path_factory.mktemp("bundle"))


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A file of API keys, and the key in it."""
    path = tmp_path_factory.mktemp("keys") / "api_keys.json"
    command = [sys.executable, "-m", "creditrisk.pipelines.api_key", "create", "lender"]
    created = subprocess.run(
        [*command, "--scope", "predict"],
        env={**os.environ, "CREDITRISK_API_KEYS_FILE": str(path)},
        capture_output=True,
        text=True,
        check=True,
    )
    path.chmod(0o644)
    return path, created.stdout.strip()


@pytest.fixture(scope="module")
def api(bundle: Bundle, keys: tuple[Path, str]) -> Iterator[Container]:
    """A ready API, as confined as an orchestrator can confine it."""
    from containers import api_flags, running

    with running("api", *api_flags(bundle.folder, bundle.sha256, keys[0])) as container:
        container.wait_until_healthy()
        yield container
