"""Push what dvc.lock names to the remote, and pull it: whole and intact, or refused."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from creditrisk.core.files import md5_of
from creditrisk.data.sources.transfer import RetryPolicy
from creditrisk.remotes.address import URL_VARIABLE, RemoteAddress
from creditrisk.remotes.errors import DamagedObjects, MissingObjects, RemoteFailed, UnsavedWork
from creditrisk.remotes.session import REMOTE, Checkout, Session, logged_errors, persistently
from creditrisk.remotes.snapshots import pull_snapshots, push_snapshots


@dataclass(frozen=True, slots=True)
class Moved:
    """What a push or a pull has moved; what was there already is not counted."""

    objects: int
    snapshots: int

    def sentence(self) -> str:
        """Both counts, for a person."""
        return f"{self.objects:,} objects and {self.snapshots:,} labelled snapshots"


def pull(
    address: RemoteAddress, checkout: Checkout, policy: RetryPolicy, *, force: bool = False
) -> Moved:
    """Bring every object of dvc.lock into cache and workspace, and every listed snapshot.

    Args:
        address: the remote.
        checkout: where to.
        policy: how often the network may fail.
        force: overwrite files that no cache holds.

    Raises:
        RemoteFailed: the remote refuses or cannot be reached.
        MissingObjects, DamagedObjects: it lacks objects, or holds others under their names.
        UnsavedWork: a file here would be lost.
    """

    def attempt() -> Moved:
        with logged_errors() as errors, Session.opened(address, checkout.project) as session:
            return Moved(
                _pull_objects(session, errors, force=force), pull_snapshots(session, checkout)
            )

    return persistently("Pull from", address, policy, attempt)


def push(address: RemoteAddress, checkout: Checkout, policy: RetryPolicy) -> Moved:
    """Bring every object of dvc.lock, and every listed snapshot, to the remote.

    Raises:
        RemoteFailed: the remote refuses or cannot be reached.
        MissingObjects: an object is neither here nor there; nothing is pushed.
        DamagedObjects: an object of the cache is not what its name says; nothing is pushed.
    """

    def attempt() -> Moved:
        with logged_errors() as errors, Session.opened(address, checkout.project) as session:
            return Moved(_push_objects(session, errors), push_snapshots(session, checkout))

    return persistently("Push to", address, policy, attempt)


def _pull_objects(session: Session, errors: list[BaseException], *, force: bool) -> int:
    from dvc.exceptions import CheckoutError, ConfirmRemoveError, FileTransferError

    if not session.holds_anything():
        remedy = f"Check {URL_VARIABLE}; `creditrisk remote push` fills a remote."
        raise RemoteFailed("Pull from", session.address.url, "nothing is there", remedy)
    incomplete: Exception | None = None
    fetched = 0
    try:
        fetched = session.repo.pull(remote=REMOTE, force=force)["stats"]["fetched"]
    except ConfirmRemoveError as error:
        raise UnsavedWork(_path_of(error)) from None
    except (CheckoutError, FileTransferError, AssertionError) as error:
        # DVC asserts that it could read a folder's list, which a damaged one is not.
        incomplete = error
    _require_whole(session, errors)
    if incomplete is not None:
        raise incomplete
    return int(fetched)


def _require_whole(session: Session, errors: list[BaseException]) -> None:
    """Refuse where an object has not arrived, by what hindered it.

    What arrived damaged DVC has deleted from the cache again, and said nothing.
    """
    for error in errors:
        if not isinstance(error, FileNotFoundError):
            raise error
    absent = session.absent(session.cache, session.objects())
    missing = session.absent(session.remote.odb, absent)
    if missing:
        remedy = "Push them from where they were made, or run the pipeline here."
        raise MissingObjects(session.address.url, sorted(missing.values()), remedy)
    if absent:
        remedy = (
            "Delete them there and push again from where they were made; DVC left nothing here."
        )
        raise DamagedObjects(session.address.url, sorted(absent.values()), remedy)


def _push_objects(session: Session, errors: list[BaseException]) -> int:
    from dvc.exceptions import FileTransferError

    session.holds_anything()
    wanted = session.objects()
    to_push = session.absent(session.remote.odb, wanted)
    _require_pushable(session, to_push)
    incomplete: Exception | None = None
    pushed = 0
    try:
        pushed = session.repo.push(remote=REMOTE)
    except FileTransferError as error:
        incomplete = error
    if errors:
        raise errors[0]
    if incomplete is not None:
        raise incomplete
    if still := session.absent(session.remote.odb, wanted):
        raise MissingObjects(session.address.url, sorted(still.values()), "Push again.")
    return int(pushed)


def _require_pushable(session: Session, to_push: dict[str, str]) -> None:
    if lost := session.absent(session.cache, to_push):
        place = f"Neither DVC's cache nor {session.address.url}: each"
        remedy = "Run `dvc repro`, then push. Nothing was pushed."
        raise MissingObjects(place, sorted(lost.values()), remedy)
    damaged = [
        name
        for oid, name in to_push.items()
        if md5_of(Path(session.cache.oid_to_path(oid))) != oid.removesuffix(".dir")
    ]
    if damaged:
        remedy = "Run the stages that write them with `dvc repro --force`. Nothing was pushed."
        raise DamagedObjects("DVC's cache", sorted(damaged), remedy)


def _path_of(error: Exception) -> str:
    """The path in DVC's sentence about a file that it will not overwrite."""
    parts = str(error).split("'")
    return parts[1] if len(parts) > 1 else str(error)
