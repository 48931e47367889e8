"""Push what dvc.lock names to the remote, and pull it: whole and intact, or refused."""

from __future__ import annotations

from dataclasses import dataclass

from creditrisk.data.sources.transfer import RetryPolicy, is_transient
from creditrisk.remotes.address import URL_VARIABLE, RemoteAddress
from creditrisk.remotes.errors import DamagedObjects, MissingObjects, RemoteFailed, UnsavedWork
from creditrisk.remotes.session import REMOTE, Checkout, Session, logged_errors, persistently
from creditrisk.remotes.snapshots import pull_snapshots, push_snapshots

# From DVC's sentence about files that it will not overwrite; the paths follow, one a line.
_UNSAVED = "unsaved files"


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
        with logged_errors(), Session.opened(address, checkout.project) as session:
            return Moved(_push_objects(session), push_snapshots(session, checkout))

    return persistently("Push to", address, policy, attempt)


def _pull_objects(session: Session, errors: list[BaseException], *, force: bool) -> int:
    from dvc.exceptions import DvcException
    from dvc_objects.errors import ObjectFormatError

    if not session.holds_anything():
        remedy = f"Check {URL_VARIABLE}; `creditrisk remote push` fills a remote."
        raise RemoteFailed("Pull from", session.address.url, "nothing is there", remedy)
    fetched = 0
    try:
        fetched = session.repo.pull(remote=REMOTE, force=force)["stats"]["fetched"]
    except (DvcException, ObjectFormatError, AssertionError) as error:
        # DVC asserts that it could read a folder's list, which a damaged one is not.
        if _UNSAVED in str(error):
            raise UnsavedWork(", ".join(str(error).splitlines()[1:])) from None
        errors.append(error)
    _require_whole(session, errors)
    return int(fetched)


def _require_whole(session: Session, errors: list[BaseException]) -> None:
    """Refuse where an object has not arrived, by what hindered it.

    What arrived damaged DVC has deleted from the cache again, and said nothing.
    """
    for error in errors:
        if is_transient(error):
            raise error
    absent = session.absent(session.cache, session.objects())
    missing = session.absent(session.remote.odb, absent)
    if missing:
        remedy = "Push them from where they were made, or run the pipeline here."
        raise MissingObjects(session.address.url, sorted(missing.values()), remedy)
    damaged = [
        name for oid, name in absent.items() if not session.is_intact(session.remote.odb, oid)
    ]
    if damaged:
        remedy = "Delete them there and push again from where they were made; none was kept here."
        raise DamagedObjects(session.address.url, sorted(damaged), remedy)
    if errors:
        raise errors[0]


def _push_objects(session: Session) -> int:
    """Copy what the remote lacks, files before the lists of folders.

    DVC's own push takes a folder for whole whose list is there.
    """
    session.holds_anything()
    wanted = session.objects()
    to_push = session.absent(session.remote.odb, wanted)
    _require_pushable(session, to_push)
    for are_lists in (False, True):
        _copy(session, [oid for oid in to_push if oid.endswith(".dir") == are_lists])
    if still := session.absent(session.remote.odb, wanted):
        raise MissingObjects(session.address.url, sorted(still.values()), "Push again.")
    return len(to_push)


def _copy(session: Session, oids: list[str]) -> None:
    errors: list[BaseException] = []
    session.remote.odb.add(
        [session.cache.oid_to_path(oid) for oid in oids],
        session.cache.fs,
        oids,
        check_exists=False,
        verify=False,
        on_error=lambda _, error: errors.append(error),
    )
    if errors:
        raise errors[0]


def _require_pushable(session: Session, to_push: dict[str, str]) -> None:
    if lost := session.absent(session.cache, to_push):
        remedy = f"Nor has {session.address.url}. Run `dvc repro`, then push. Nothing was pushed."
        raise MissingObjects("DVC's cache", sorted(lost.values()), remedy)
    damaged = [name for oid, name in to_push.items() if not session.is_intact(session.cache, oid)]
    if damaged:
        remedy = "Run the stages that write them with `dvc repro --force`. Nothing was pushed."
        raise DamagedObjects("DVC's cache", sorted(damaged), remedy)
