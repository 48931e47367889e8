"""Push and pull: all that dvc.lock names, intact, or a refusal that says what is wrong."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from creditrisk.core.errors import CreditRiskError
from creditrisk.core.files import md5_of
from creditrisk.data.sources.transfer import RetryPolicy
from creditrisk.remotes.address import RemoteAddress
from creditrisk.remotes.errors import DamagedObjects, MissingObjects, RemoteFailed, UnsavedWork
from creditrisk.remotes.session import Checkout, Session
from creditrisk.remotes.transfer import Moved, pull, push

if TYPE_CHECKING:
    from signed_store import Store

# DVC's libraries warn each other.
pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep:DeprecationWarning")

ONCE = RetryPolicy(0, 0)
CONTENT = {"rows/a.csv": "one\n", "rows/b.csv": "two\n", "summary.json": "three\n"}
# The three files and the list of the folder.
OBJECTS = 4

Clone = Callable[[], Checkout]


def content(checkout: Checkout) -> dict[str, str]:
    return {name: (checkout.project / name).read_text() for name in CONTENT}


def object_of(address: RemoteAddress, name: str) -> Path:
    """The object of a folder remote that holds that file, or the list of that folder."""
    oids = {"a.csv": "one\n", "b.csv": "two\n"}
    stored = [path for path in Path(address.url, "files/md5").glob("*/*") if path.is_file()]
    if name == "rows":
        return next(path for path in stored if path.suffix == ".dir")
    return next(path for path in stored if path.read_text() == oids[name])


def overwrite(path: Path, text: str) -> None:
    path.chmod(0o644)
    path.write_text(text)


def test_a_clean_clone_gets_what_was_pushed(
    project: Checkout, clone: Clone, folder_remote: RemoteAddress
) -> None:
    """Every out, by a folder; dvc.lock stays, and DVC finds nothing to do."""
    from dvc.repo import Repo

    assert push(folder_remote, project, ONCE) == Moved(objects=OBJECTS, snapshots=0)
    cloned = clone()
    before = md5_of(cloned.project / "dvc.lock")
    assert pull(folder_remote, cloned, ONCE).objects == OBJECTS
    assert content(cloned) == CONTENT
    assert md5_of(cloned.project / "dvc.lock") == before
    with Repo(str(cloned.project)) as repo:
        assert repo.status() == {}


def test_what_is_there_is_not_moved_again(project: Checkout, folder_remote: RemoteAddress) -> None:
    """A second push and a pull beside it move nothing."""
    push(folder_remote, project, ONCE)
    assert push(folder_remote, project, ONCE).objects == 0
    assert pull(folder_remote, project, ONCE).objects == 0


def test_an_object_deleted_from_the_remote_is_pushed_again(
    project: Checkout, folder_remote: RemoteAddress
) -> None:
    """DVC's own memory of what it once pushed is not believed."""
    push(folder_remote, project, ONCE)
    object_of(folder_remote, "a.csv").unlink()
    assert push(folder_remote, project, ONCE).objects == 1
    assert object_of(folder_remote, "a.csv").exists()


@pytest.mark.parametrize("name", ["a.csv", "rows"])
def test_a_missing_object_is_named(
    project: Checkout, clone: Clone, folder_remote: RemoteAddress, name: str
) -> None:
    """By the file that it is the content of, or by the folder whose list it is."""
    push(folder_remote, project, ONCE)
    object_of(folder_remote, name).unlink()
    with pytest.raises(MissingObjects, match=r"lacks rows(/a\.csv)?,"):
        pull(folder_remote, clone(), ONCE)


@pytest.mark.parametrize("name", ["a.csv", "rows"])
def test_a_damaged_object_is_refused(
    project: Checkout, clone: Clone, folder_remote: RemoteAddress, name: str
) -> None:
    """Its content never reaches the workspace or stays in the cache, whatever its length."""
    push(folder_remote, project, ONCE)
    overwrite(object_of(folder_remote, name), "0ne\n")
    cloned = clone()
    with pytest.raises(DamagedObjects, match="damaged"):
        pull(folder_remote, cloned, ONCE)
    kept = [path for path in (cloned.project / ".dvc/cache").rglob("*") if path.is_file()]
    assert "0ne\n" not in {path.read_text() for path in kept}
    assert not (cloned.project / "rows/a.csv").exists()


def test_nothing_incomplete_is_pushed(project: Checkout, folder_remote: RemoteAddress) -> None:
    """What dvc.lock names but neither side has was lost: the remote stays as it was."""
    lost = next((project.project / ".dvc/cache/files/md5").glob("*/*.dir"))
    lost.unlink()
    with pytest.raises(MissingObjects, match=r"rows, .* Nothing was pushed"):
        push(folder_remote, project, ONCE)
    assert not list(Path(folder_remote.url).iterdir())


def test_a_damaged_cache_is_not_spread(project: Checkout, folder_remote: RemoteAddress) -> None:
    """DVC trusts a read-only file of its cache; what is to be pushed is hashed again."""
    cached = (project.project / ".dvc/cache/files/md5").glob("*/*")
    damaged = next(path for path in cached if path.read_text() == "one\n")
    overwrite(damaged, "0ne\n")
    damaged.chmod(0o444)
    with pytest.raises(DamagedObjects, match=r"DVC's cache refused: rows/a\.csv"):
        push(folder_remote, project, ONCE)
    assert not list(Path(folder_remote.url).iterdir())


def test_unsaved_work_is_not_overwritten(
    project: Checkout, clone: Clone, folder_remote: RemoteAddress
) -> None:
    """Unless it is asked for."""
    push(folder_remote, project, ONCE)
    cloned = clone()
    (cloned.project / "summary.json").write_text("a night's work\n")
    with pytest.raises(UnsavedWork, match=r"summary\.json"):
        pull(folder_remote, cloned, ONCE)
    assert (cloned.project / "summary.json").read_text() == "a night's work\n"
    pull(folder_remote, cloned, ONCE, force=True)
    assert content(cloned) == CONTENT


def test_an_empty_place_is_not_pulled_from(
    clone: Clone, folder_remote: RemoteAddress, tmp_path: Path
) -> None:
    """A wrong address says so; it does not read as a remote that lacks everything."""
    absent = RemoteAddress.of_environment({"DVC_REMOTE_URL": str(tmp_path / "elsewhere")})
    for address in (folder_remote, absent):
        with pytest.raises(RemoteFailed, match=r"nothing is there\. Check DVC_REMOTE_URL"):
            pull(address, clone(), ONCE)


def test_a_store_serves_as_well(project: Checkout, clone: Clone, s3: Store) -> None:
    """S3's API, with keys from the environment; no word of them lies anywhere afterwards."""
    environment = s3.environment() | {"DVC_REMOTE_URL": "s3://portfolio/fresh"}
    address = RemoteAddress.of_environment(environment)
    assert push(address, project, ONCE).objects == OBJECTS
    cloned = clone()
    assert pull(address, cloned, ONCE).objects == OBJECTS
    assert content(cloned) == CONTENT
    with Session.opened(address, cloned.project) as session:
        assert session.absent(session.remote.odb, session.objects()) == {}


def test_no_secret_is_left_on_disk(
    project: Checkout, clone: Clone, s3: Store, plain_environment: Path
) -> None:
    """Not in a checkout, nor where DVC keeps its own notes, nor where its settings would be."""
    address = RemoteAddress.of_environment(s3.environment())
    push(address, project, ONCE)
    cloned = clone()
    pull(address, cloned, ONCE)
    places = (project.project, cloned.project, plain_environment)
    files = [path for place in places for path in place.rglob("*") if path.is_file()]
    assert any(path.is_relative_to(plain_environment) for path in files)
    assert not [path for path in files if s3.secret.encode() in path.read_bytes()]


def test_a_damaged_object_of_a_store_is_refused(project: Checkout, clone: Clone, s3: Store) -> None:
    """As in a folder."""
    environment = s3.environment() | {"DVC_REMOTE_URL": "s3://portfolio/damaged"}
    address = RemoteAddress.of_environment(environment)
    push(address, project, ONCE)
    listed = s3.client().list_objects_v2(Bucket="portfolio", Prefix="damaged/")["Contents"]
    key = next(item["Key"] for item in listed if item["Key"].endswith(digest_of("two\n")[2:]))
    s3.client().put_object(Bucket="portfolio", Key=key, Body=b"tw0\n")
    with pytest.raises(DamagedObjects, match=r"rows/b\.csv damaged"):
        pull(address, clone(), ONCE)


def digest_of(text: str) -> str:
    import hashlib

    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def wrong(s3: Store, fault: str) -> dict[str, str]:
    """The environment of a store with one thing wrong."""
    if fault == "key":
        return s3.environment(access_key_id="AKIANOBODYKNOWS")
    if fault == "secret":
        return s3.environment(secret_access_key="not-the-secret-of-that-key")  # noqa: S106
    if fault == "absent":
        public = {"endpointurl": s3.endpoint, "region": "us-east-1"}
        return s3.environment() | {"DVC_REMOTE_CREDENTIALS": json.dumps(public)}
    return s3.environment() | {"DVC_REMOTE_URL": "s3://no-such-bucket/dvc"}


@pytest.mark.parametrize("fault", ["key", "secret", "absent", "bucket"])
@pytest.mark.parametrize("way", ["push", "pull"])
def test_a_store_that_refuses_is_not_tried_again(
    project: Checkout, s3: Store, fault: str, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong key, a wrong secret, no key and a wrong bucket do not get better by waiting."""
    monkeypatch.setattr(RetryPolicy, "pause", lambda *_: pytest.fail("it waited"))
    environment = wrong(s3, fault)
    address = RemoteAddress.of_environment(environment)
    with pytest.raises(CreditRiskError) as caught:
        (push if way == "push" else pull)(address, project, RetryPolicy(3, 0))
    told = str(caught.value)
    assert ("DVC_REMOTE_CREDENTIALS is" in told) == (fault != "bucket"), told
    assert s3.secret not in told
    assert "not-the-secret" not in told


@pytest.mark.slow
def test_a_store_out_of_reach_is_tried_again(
    project: Checkout, s3: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The network's faults alone; then the message says how often."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{taken.getsockname()[1]}"
        pauses: list[int] = []
        monkeypatch.setattr(RetryPolicy, "pause", lambda _, failures: pauses.append(failures))
        address = RemoteAddress.of_environment(s3.environment(endpointurl=closed))
        with pytest.raises(RemoteFailed, match="2 times in a row"):
            push(address, project, RetryPolicy(1, 0))
    assert pauses == [1]
