"""Files of object stores and DVC projects: S3's API is moto's server, on loopback."""

from __future__ import annotations

import random
import shutil
import subprocess
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest

from creditrisk.data.sources import cloud
from creditrisk.data.sources.cloud import CloudSource
from creditrisk.data.sources.errors import SourceFailed, UnusableSource
from creditrisk.data.sources.location import Location
from creditrisk.data.sources.transfer import RemoteObject, RetryPolicy

BODY = random.Random(2).randbytes(300_000)  # noqa: S311 - no secret
SECRET = "s3cr3t-key-value"  # noqa: S105 - opens nothing


def source(address: str, retries: int = 1) -> CloudSource:
    return CloudSource(Location(address), RetryPolicy(retries, 0))


def found(address: str) -> RemoteObject:
    origin = source(address).find("bureau.csv")
    assert origin is not None
    return origin


def fetched(address: str, folder: Path) -> bytes:
    return found(address).materialise(folder, lambda _: None).read_bytes()


@pytest.fixture(scope="module")
def s3_server() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="module")
def store(s3_server: str) -> Iterator[Any]:
    """The bucket `portfolio`, with the usual environment variables that open it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "127.0.0.1")
        patch.setenv("AWS_ENDPOINT_URL", s3_server)
        patch.setenv("AWS_ACCESS_KEY_ID", "reader")
        patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        store = fsspec.filesystem("s3", skip_instance_cache=True)
        store.mkdir("portfolio")
        yield store


@pytest.fixture
def bucket(store: Any) -> Any:
    """The bucket with its one object as it was."""
    store.pipe_file("portfolio/raw/bureau.csv", BODY)
    return store


@pytest.mark.usefixtures("bucket")
def test_an_object_of_a_bucket_arrives(tmp_path: Path) -> None:
    """By the address of its prefix, or its own."""
    assert fetched("s3://portfolio/raw", tmp_path) == BODY
    assert fetched("s3://portfolio/raw/bureau.csv", tmp_path) == BODY
    assert found("s3://portfolio/raw").size == len(BODY)


@pytest.mark.usefixtures("bucket")
def test_what_is_not_in_the_bucket_is_not_found() -> None:
    """A prefix without the file, and a prefix of that name."""
    assert source("s3://portfolio/raw").find("previous_application.csv") is None
    assert source("s3://portfolio").find("raw.csv") is None


@pytest.mark.usefixtures("bucket")
def test_a_missing_bucket_has_no_files() -> None:
    """S3 answers 404, so nothing is retried."""
    assert source("s3://elsewhere/raw").find("bureau.csv") is None


def test_an_object_is_resumed_from_what_is_here(
    bucket: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A later process reads from an offset, but not if the object has changed since."""
    offsets = note_offsets(monkeypatch)
    interrupt(tmp_path)
    assert fetched("s3://portfolio/raw", tmp_path) == BODY
    interrupt(tmp_path)
    bucket.pipe_file("portfolio/raw/bureau.csv", BODY[::-1])
    assert fetched("s3://portfolio/raw", tmp_path) == BODY[::-1]
    assert offsets == [0, 100_000, 0, 0]


def test_an_object_that_changes_while_it_is_read_is_read_again(
    bucket: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The halves of two versions are never joined."""
    offsets = note_offsets(monkeypatch)

    def overwrite(done: int) -> None:
        if done == 100_000 and len(offsets) == 1:
            bucket.pipe_file("portfolio/raw/bureau.csv", BODY[::-1])

    path = found("s3://portfolio/raw").materialise(tmp_path, overwrite)
    assert path.read_bytes() == BODY[::-1]
    assert offsets == [0, 0]


def note_offsets(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Read blocks of 100,000 bytes; the list collects where each attempt begins."""
    offsets: list[int] = []
    read = cloud.CloudVersion.blocks

    def blocks(version: cloud.CloudVersion, offset: int) -> Iterator[bytes]:
        offsets.append(offset)
        return read(version, offset)

    monkeypatch.setattr(cloud, "BLOCK_BYTES", 100_000)
    monkeypatch.setattr(cloud.CloudVersion, "blocks", blocks)
    return offsets


def interrupt(folder: Path) -> None:
    """Stop a download, as a kill would, after the first block."""

    def stop(done: int) -> None:
        if done == 100_000:
            raise KeyboardInterrupt

    (folder / "bureau.csv").unlink(missing_ok=True)
    with pytest.raises(KeyboardInterrupt):
        found("s3://portfolio/raw").materialise(folder, stop)


def test_a_refusal_shows_no_credentials(
    s3_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store that cannot be reached is named, the key that would open it is not."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_server.replace("127.0.0.1", "127.0.0.2"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "reader")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(SourceFailed, match=r"s3://portfolio/raw/bureau\.csv .*2 times") as caught:
        fetched("s3://portfolio/raw", tmp_path)
    assert SECRET not in str(caught.value)


def test_any_other_file_system_of_fsspec_serves(tmp_path: Path) -> None:
    """Buckets of gs and az go this way, too; here memory stands for them."""
    fsspec.filesystem("memory").pipe_file("/raw/bureau.csv", BODY)
    assert fetched("memory://raw", tmp_path) == BODY


def test_an_unknown_scheme_is_misuse() -> None:
    """The message says what fsspec knows nothing of."""
    with pytest.raises(UnusableSource, match="carrier-pigeon"):
        source("carrier-pigeon://raw")


@pytest.fixture(scope="module")
def dvc_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that tracks raw/ and has pushed it; its own copy is gone."""
    from dvc.repo import Repo

    project = tmp_path_factory.mktemp("project")
    (project / "raw").mkdir()
    (project / "raw/bureau.csv").write_bytes(BODY)
    git(project, "init", "--quiet")
    with warnings.catch_warnings(), Repo.init(str(project)) as repo:
        warnings.simplefilter("ignore")  # DVC's own use of a deprecated name
        with repo.config.edit() as settings:
            settings["remote"]["store"] = {"url": f"{project}-store"}
            settings["core"]["remote"] = "store"
        repo.add(str(project / "raw"))
        repo.push()
    git(project, "add", "--all")
    git(project, *IDENTITY, "commit", "--quiet", "--message", "data")
    shutil.rmtree(project / "raw")
    shutil.rmtree(project / ".dvc/cache")
    return project


IDENTITY = ("-c", "user.name=reader", "-c", "user.email=reader@example.org")


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=folder, check=True)  # noqa: S607


def test_a_dvc_target_of_this_project_arrives(
    dvc_project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes from the project's remote, though it was not pulled."""
    monkeypatch.chdir(dvc_project)
    assert fetched("dvc://raw", tmp_path) == BODY


def test_a_dvc_target_of_another_repository_arrives(dvc_project: Path, tmp_path: Path) -> None:
    """At a revision, named in the query."""
    address = f"dvc://raw/bureau.csv?repo=file://{dvc_project}&rev=HEAD"
    origin = found(address)
    assert origin.materialise(tmp_path, lambda _: None).read_bytes() == BODY
    assert origin.location.shown == address


def test_what_dvc_does_not_track_is_not_found(
    dvc_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A missing path is a missing file, not an error of the project."""
    monkeypatch.chdir(dvc_project)
    assert source("dvc://raw").find("bureau_balance.csv") is None
    assert source("dvc://nowhere").find("bureau.csv") is None


def test_a_folder_that_is_no_dvc_project_is_misuse(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message says that a DVC project is required."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnusableSource, match="DVC project"):
        source("dvc://raw").find("bureau.csv")
