"""Starts the images as an orchestrator would: read-only, without capabilities, here without a network."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
WAIT_SECONDS = 240
CONFINED = (
    *("--read-only", "--tmpfs", "/tmp", "--cap-drop", "all"),  # noqa: S108 - the container's
    *("--security-opt", "no-new-privileges", "--network", "none"),
)


def engine_environment() -> dict[str, str]:
    """This process's environment with the engine's settings."""
    script = "source deploy/images/engine.sh && env -0"
    shown = subprocess.run(
        ["/bin/bash", "-c", script], cwd=ROOT, capture_output=True, check=True
    ).stdout
    return dict(line.split("=", 1) for line in shown.decode().split("\0") if "=" in line)


def podman(
    *words: str, check: bool = True, given: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run podman; without a success its own words are the assertion's."""
    process = subprocess.run(
        [shutil.which("podman") or "podman", *words],
        env=engine_environment(),
        input=given,
        capture_output=True,
        text=True,
        check=False,
    )
    assert not check or process.returncode == 0, process.stdout + process.stderr
    return process


def image(service: str) -> str:
    """The name under which `make images` has built an image; any other name is its own."""
    if "/" in service:
        return service
    return f"localhost/creditrisk-{service}:{os.environ.get('CREDITRISK_LOCAL_TAG', 'built')}"


@dataclass(frozen=True)
class Container:
    """A container that was started."""

    name: str

    def python(self, code: str, given: str = "") -> str:
        """What a program prints that runs inside."""
        return podman("exec", "-i", self.name, "python", "-c", code, given=given).stdout

    @property
    def log(self) -> str:
        """What it has written."""
        seen = podman("logs", self.name)
        return seen.stdout + seen.stderr

    @property
    def state(self) -> str:
        """`running`, `exited`, ..."""
        return podman("inspect", "--format", "{{.State.Status}}", self.name).stdout.strip()

    def wait_until_healthy(self) -> None:
        """Run the image's own HEALTHCHECK until it succeeds."""
        end = time.monotonic() + WAIT_SECONDS
        while podman("healthcheck", "run", self.name, check=False).returncode:
            assert self.state == "running", self.log
            assert time.monotonic() < end, self.log
            time.sleep(0.5)

    def exit_code(self) -> int:
        """The exit code, once it has ended."""
        return int(podman("wait", self.name).stdout)


@contextmanager
def running(service: str, *flags: str, command: tuple[str, ...] = ()) -> Iterator[Container]:
    """A confined container of an image, which is gone after the block with its volumes."""
    container = Container(f"creditrisk-test-{uuid.uuid4().hex[:12]}")
    started = ("run", "--detach", "--name", container.name, *CONFINED, *flags)
    podman(*started, image(service), *command)
    try:
        yield container
    finally:
        podman("rm", "--force", "--volumes", container.name)


def run_once(service: str, *flags: str, command: tuple[str, ...]) -> str:
    """What a confined container prints that has to succeed."""
    return podman("run", "--rm", *CONFINED, *flags, image(service), *command).stdout


def api_flags(bundle: Path, sha256: str, keys: Path) -> tuple[str, ...]:
    """Mounts and variables of an API that serves a mounted bundle."""
    variables = {
        "CREDITRISK_BUNDLE_SOURCE": "/bundle",
        "CREDITRISK_BUNDLE_SHA256": sha256,
        "CREDITRISK_LEDGER_KEY": "ab" * 32,
        "CREDITRISK_API_KEYS_FILE": "/keys.json",
    }
    given = [word for name, value in variables.items() for word in ("--env", f"{name}={value}")]
    return (*given, "--volume", f"{bundle}:/bundle:ro", "--volume", f"{keys}:/keys.json:ro")
