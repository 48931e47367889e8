"""Blobs of Azure's storage, served by Azurite, Microsoft's emulator, on loopback.

CREDITRISK_AZURITE names the script of an installed Azurite (node_modules/azurite/dist/src/blob/
main.js); otherwise npm installs it once into the user's cache.
"""

from __future__ import annotations

import os
import random
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from creditrisk.data.sources.cloud import CloudSource
from creditrisk.data.sources.errors import SourceFailed
from creditrisk.data.sources.location import Location
from creditrisk.data.sources.transfer import RetryPolicy

pytestmark = pytest.mark.external

BODY = random.Random(3).randbytes(300_000)  # noqa: S311 - no secret
VERSION = "3.35.0"
SCRIPT = "node_modules/azurite/dist/src/blob/main.js"

# The account that every Azurite has; its key is printed in Microsoft's documentation.
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


def installed_script() -> Path:
    """Azurite's blob service, installed where it is missing."""
    if "CREDITRISK_AZURITE" in os.environ:
        return Path(os.environ["CREDITRISK_AZURITE"])
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    folder = cache / "creditrisk" / f"azurite-{VERSION}"
    npm = shutil.which("npm")
    if not (folder / SCRIPT).exists():
        if npm is None:
            pytest.skip("npm is not installed, so Azurite cannot be")
        folder.mkdir(parents=True, exist_ok=True)
        options = ["--prefix", str(folder), "--no-audit", "--no-fund", f"azurite@{VERSION}"]
        install = subprocess.run([npm, "install", *options], capture_output=True, check=False)
        if install.returncode:
            pytest.skip("npm could not install Azurite")
    return folder / SCRIPT


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    pytest.fail("Azurite did not start")


@pytest.fixture(scope="module")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A running blob service; gives the connection string that opens it."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed, so Azurite cannot run")
    port = free_port()
    place = ["--location", str(tmp_path_factory.mktemp("azurite")), "--blobPort", str(port)]
    quiet = ["--silent", "--skipApiVersionCheck", "--disableTelemetry"]
    process = subprocess.Popen([node, str(installed_script()), *place, *quiet])
    wait_for(port, process)
    endpoint = f"http://127.0.0.1:{port}/{ACCOUNT}"
    yield (
        f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};"
        f"BlobEndpoint={endpoint};"
    )
    process.terminate()
    process.wait()


@pytest.fixture
def container(azurite: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of a folder of the container `portfolio`, opened by the usual variables."""
    from azure.storage.blob import BlobServiceClient

    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", azurite)
    with BlobServiceClient.from_connection_string(azurite) as service:
        client = service.get_container_client("portfolio")
        if not client.exists():
            client.create_container()
        client.upload_blob("raw/bureau.csv", BODY, overwrite=True)
    return "az://portfolio/raw"


def fetched(address: str, folder: Path) -> bytes:
    origin = CloudSource(Location(address), RetryPolicy(1, 0)).find("bureau.csv")
    assert origin is not None
    return origin.materialise(folder, lambda _: None).read_bytes()


def test_a_blob_arrives(container: str, tmp_path: Path) -> None:
    """By the address of its folder."""
    assert fetched(container, tmp_path) == BODY


def test_the_data_lake_address_serves_too(container: str, tmp_path: Path) -> None:
    """abfs:// is another name of the same store."""
    assert fetched(container.replace("az://", "abfs://"), tmp_path) == BODY


def test_a_missing_blob_is_not_found(container: str) -> None:
    """As in any other store."""
    source = CloudSource(Location(container), RetryPolicy(1, 0))
    assert source.find("bureau_balance.csv") is None


def test_a_resumed_blob_is_whole(container: str, tmp_path: Path) -> None:
    """A later process goes on after the bytes that are here."""
    source = CloudSource(Location(container), RetryPolicy(1, 0))
    origin = source.find("bureau.csv")
    assert origin is not None
    origin.materialise(tmp_path, lambda _: None)
    os.truncate(tmp_path / "bureau.csv", 100_000)
    begun: list[int] = []
    assert origin.materialise(tmp_path, begun.append).read_bytes() == BODY
    assert begun[0] == 100_000


def test_a_wrong_key_is_refused_and_not_shown(
    container: str, azurite: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message names the blob, never the key."""
    wrong = KEY[::-1].replace("=", "") + "=="
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", azurite.replace(KEY, wrong))
    with pytest.raises(SourceFailed, match="az://portfolio/raw") as caught:
        fetched(container, tmp_path)
    assert wrong not in str(caught.value)
