"""Both images go to a registry and come back by the digest that the report names."""

from __future__ import annotations

import hashlib
import json
import shutil
import socket
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from containers import ROOT, WAIT_SECONDS, engine_environment, image, podman

if TYPE_CHECKING:
    from collections.abc import Iterator

PUSH = ROOT / "deploy/images/push.sh"
CONFIGURATION = """
version: 0.1
log: {{level: error}}
storage: {{filesystem: {{rootdirectory: {folder}}}}}
http: {{addr: "127.0.0.1:{port}"}}
"""


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Debian's registry on loopback."""
    program = shutil.which("docker-registry")
    if program is None:
        pytest.skip("needs docker-registry")
    folder = tmp_path_factory.mktemp("registry")
    port = free_port()
    (folder / "config.yml").write_text(CONFIGURATION.format(folder=folder, port=port))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [program, "serve", folder / "config.yml"], stdout=log, stderr=log
        )
    try:
        wait_for(f"http://127.0.0.1:{port}/v2/", process)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(folder)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + WAIT_SECONDS
    while process.poll() is None and time.monotonic() < end:
        try:
            urllib.request.urlopen(url).close()  # noqa: S310 - http on loopback
        except OSError:
            time.sleep(0.1)
        else:
            return
    pytest.fail(f"{url} does not answer; exit code {process.poll()}")


def local_name(name: str) -> str:
    return image(name.removeprefix("creditrisk-"))


def accepting(url: str) -> urllib.request.Request:
    form = "application/vnd.docker.distribution.manifest.v2+json"
    return urllib.request.Request(url, headers={"Accept": form})  # noqa: S310 - http on loopback


def push(place: str, report: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PUSH, place, "v1", report],
        env=engine_environment(),
        capture_output=True,
        text=True,
        check=False,
    )


def test_what_was_pushed_comes_back_by_its_digest(registry: str, tmp_path: Path) -> None:
    """Each reference of the report leads to the image that was built here; one is pulled again, whole."""
    report = tmp_path / "images.json"
    process = push(f"{registry}/lender", report)
    assert process.returncode == 0, process.stderr
    images = json.loads(report.read_text())["images"]
    assert [each["name"] for each in images] == ["creditrisk-api", "creditrisk-batch"]
    for each in images:
        assert each["reference"] == f"{registry}/lender/{each['name']}@{each['digest']}"
        manifest = f"http://{registry}/v2/lender/{each['name']}/manifests/{each['digest']}"
        content = urllib.request.urlopen(accepting(manifest)).read()  # noqa: S310
        assert f"sha256:{hashlib.sha256(content).hexdigest()}" == each["digest"]
        built = podman("image", "inspect", "--format", "{{.Id}}", local_name(each["name"]))
        assert json.loads(content)["config"]["digest"] == f"sha256:{built.stdout.strip()}"
    pulled = podman("pull", "--quiet", "--tls-verify=false", images[0]["reference"]).stdout.strip()
    assert pulled in podman("image", "inspect", "--format", "{{.Id}}", image("api")).stdout


def test_a_push_that_fails_leaves_no_report(tmp_path: Path) -> None:
    """A registry that is not there: no success, and no digests of an earlier push."""
    report = tmp_path / "images.json"
    report.write_text("{}")
    assert push(f"127.0.0.1:{free_port()}", report).returncode != 0
    assert not report.exists()
