from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import fsspec
import pytest
from simulated_lending import sealed

from creditrisk.core.errors import MissingFile
from creditrisk.mlops import fetching
from creditrisk.mlops.bundle import Bundle
from creditrisk.mlops.errors import UnsafeBundleName
from creditrisk.mlops.fetching import (
    BundleSourceUnavailable,
    TamperedBundle,
    UnusableBundleSource,
    fetch,
)
from creditrisk.mlops.versions import NotRegistered, RegisteredVersion, Standing

if TYPE_CHECKING:
    from s3fs import S3FileSystem


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A sealed bundle; tests only read it."""
    return sealed(tmp_path_factory.mktemp("model"))


@pytest.fixture
def copy(bundle: Bundle, tmp_path: Path) -> Path:
    """A folder with the same files, to be changed."""
    return Path(shutil.copytree(bundle.folder, tmp_path / "copy"))


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """Where the bundle shall lie."""
    return tmp_path / "models/bundle"


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3FileSystem]:
    """A local server that speaks S3, with a bucket, named as AWS's own variables name one."""
    from moto.server import ThreadedMotoServer
    from s3fs import S3FileSystem

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    variables = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "NO_PROXY": host,
        "AWS_ACCESS_KEY_ID": "any",
        "AWS_SECRET_ACCESS_KEY": "any",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    filesystem = S3FileSystem(skip_instance_cache=True, use_listings_cache=False)
    filesystem.makedirs(
        "models", exist_ok=True
    )  # the server of each test of a process has the same buckets
    yield filesystem
    server.stop()


def registry_of(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the registry hold the bundle as version 3, the champion."""
    version = RegisteredVersion("3", "run", bundle.sha256, ("champion",), {})
    monkeypatch.setattr(fetching, "standing", lambda name: Standing(name, (version,)))
    monkeypatch.setattr(
        fetching,
        "fetch_bundle",
        lambda _name, _version, folder: Bundle.load(shutil.copytree(bundle.folder, folder)),
    )


@pytest.mark.parametrize("form", ["{folder}", "file://{folder}", "{folder}/"])
def test_a_folder_is_copied_file_for_file(bundle: Bundle, target: Path, form: str) -> None:
    """The folder holds the same bundle afterwards."""
    fetched = fetch(form.format(folder=bundle.folder), target, bundle.sha256)
    assert fetched.sha256 == bundle.sha256
    assert Bundle.load(target).contents == bundle.contents


def test_any_store_that_fsspec_knows_is_a_source(bundle: Bundle, target: Path) -> None:
    """What lies under an address is fetched by its scheme's connector."""
    store = fsspec.filesystem("memory")
    store.put(f"{bundle.folder}/", "/models/one", recursive=True)
    assert fetch("memory://models/one", target, bundle.sha256).sha256 == bundle.sha256


def test_a_bucket_is_a_source(bundle: Bundle, target: Path, s3: S3FileSystem) -> None:
    """With an address and credentials from the environment alone; a changed object is refused."""
    s3.put(f"{bundle.folder}/", "models/one/", recursive=True)
    assert fetch("s3://models/one", target, bundle.sha256).contents == bundle.contents
    s3.pipe_file("models/one/booster.txt", b"another")
    with pytest.raises(TamperedBundle, match=r"s3://models/one refused: SHA-256 of booster\.txt"):
        fetch("s3://models/one", target.with_name("second"), bundle.sha256)


def test_a_bucket_that_is_not_there_is_told(target: Path, s3: S3FileSystem) -> None:
    """In the store's words."""
    assert not s3.exists("nosuch")
    with pytest.raises(BundleSourceUnavailable, match=r"s3://nosuch/one: manifest\.json"):
        fetch("s3://nosuch/one", target, "0" * 64)


@pytest.mark.parametrize("name", ["manifest.json", "booster.txt", "golden_predictions.json"])
def test_a_changed_file_refuses_and_leaves_nothing(
    bundle: Bundle, copy: Path, target: Path, name: str
) -> None:
    """One more byte in any file: no folder appears, not even a temporary one."""
    with (copy / name).open("ab") as stream:
        stream.write(b"\n")
    with pytest.raises(TamperedBundle, match=name):
        fetch(str(copy), target, bundle.sha256)
    assert not target.parent.exists() or not list(target.parent.iterdir())


def test_a_refused_successor_leaves_the_old_bundle(
    bundle: Bundle, copy: Path, target: Path
) -> None:
    """What was there goes on being there."""
    fetch(str(bundle.folder), target, bundle.sha256)
    with pytest.raises(TamperedBundle):
        fetch(str(copy), target, "0" * 64)
    assert Bundle.load(target).sha256 == bundle.sha256


def test_what_is_there_already_is_not_fetched_again(bundle: Bundle, target: Path) -> None:
    """A restart needs no store."""
    fetch(str(bundle.folder), target, bundle.sha256)
    assert fetch("/nowhere", target, bundle.sha256).sha256 == bundle.sha256


def test_a_broken_copy_is_replaced(bundle: Bundle, target: Path) -> None:
    """A folder that is no longer sound counts as absent."""
    fetch(str(bundle.folder), target, bundle.sha256)
    (target / "booster.txt").unlink()
    assert fetch(str(bundle.folder), target, bundle.sha256).contents == bundle.contents


def test_a_file_beside_the_bundle_stays_behind(bundle: Bundle, copy: Path, target: Path) -> None:
    """Only what the manifest lists comes along."""
    (copy / "planted.py").write_text("raise SystemExit")
    fetch(str(copy), target, bundle.sha256)
    assert not (target / "planted.py").exists()


def test_no_file_is_written_outside_the_folder(copy: Path, target: Path) -> None:
    """A manifest that lists a path is refused before anything is written, hash or no hash."""
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["files"]["../escaped"] = "0" * 64
    (copy / "manifest.json").write_text(json.dumps(manifest))
    required = fetching.hashlib.sha256((copy / "manifest.json").read_bytes()).hexdigest()
    with pytest.raises(UnsafeBundleName):
        fetch(str(copy), target, required)
    assert not target.parent.exists()


@pytest.mark.parametrize(
    ("source", "sha256", "told"),
    [
        ("models/bundle", None, "SHA-256"),
        ("models/bundle", "ABC", "64 hexadecimal"),
        ("models:/CreditRiskPD", "0" * 64, "models:/NAME@ALIAS"),
        ("models:/CreditRiskPD@champion/x", None, "models:/NAME@ALIAS"),
        ("nosuch://place", "0" * 64, "scheme"),
    ],
)
def test_a_source_of_no_known_form_is_misuse(
    target: Path, source: str, sha256: str | None, told: str
) -> None:
    """What is required is said."""
    with pytest.raises(UnusableBundleSource, match=told):
        fetch(source, target, sha256)


def test_an_empty_place_says_so_without_its_secrets(target: Path) -> None:
    """The message names the place, not the password in its address."""
    with pytest.raises(BundleSourceUnavailable, match=r"memory://nothing: manifest\.json") as seen:
        fetch("memory://user:secret@nothing?signature=abc", target, "0" * 64)
    assert "secret" not in str(seen.value)
    with pytest.raises(MissingFile):
        Bundle.load(target)


@pytest.mark.parametrize("source", ["models:/CreditRiskPD@champion", "models:/CreditRiskPD/3"])
@pytest.mark.parametrize("pinned", [True, False])
def test_the_registry_s_word_counts_and_a_pin_beside_it(
    bundle: Bundle, target: Path, monkeypatch: pytest.MonkeyPatch, source: str, *, pinned: bool
) -> None:
    """A version is found by alias or number, with or without a hash of the caller's."""
    registry_of(bundle, monkeypatch)
    assert fetch(source, target, bundle.sha256 if pinned else None).sha256 == bundle.sha256


def test_a_pin_that_the_registry_has_left_refuses(
    bundle: Bundle, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An alias that stands for another bundle than the pinned one fetches nothing."""
    registry_of(bundle, monkeypatch)
    with pytest.raises(TamperedBundle):
        fetch("models:/CreditRiskPD@champion", target, "0" * 64)
    assert not target.exists()


def test_an_alias_that_nothing_has_is_told(
    bundle: Bundle, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The registry has no such version."""
    registry_of(bundle, monkeypatch)
    with pytest.raises(NotRegistered, match="alias challenger"):
        fetch("models:/CreditRiskPD@challenger", target, None)


def test_without_mlflow_the_registry_is_no_source(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in the API's image, which has no MLflow; the message says what to do."""
    monkeypatch.setattr(fetching, "find_spec", lambda _name: None)
    with pytest.raises(BundleSourceUnavailable, match="batch image"):
        fetch("models:/CreditRiskPD@champion", target, None)
