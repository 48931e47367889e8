"""DVC on one checkout and one remote, in this process; what it only logs becomes an error."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from creditrisk.core.errors import CreditRiskError
from creditrisk.data.labelled import POINTER, SNAPSHOTS
from creditrisk.data.sources.transfer import RetryPolicy, is_transient
from creditrisk.remotes.address import CREDENTIALS_VARIABLE, RemoteAddress
from creditrisk.remotes.errors import RemoteFailed

T = TypeVar("T")

# A name that no configuration of a person's will have.
REMOTE = "creditrisk-environment"

_LOGGERS = ("dvc", "dvc_data", "dvc_objects")
_DENIED_STATUSES = {401, 403}
# By name, so that no client library is imported to ask: botocore, dvc-objects, azure-core, gcsfs.
_DENIED_CLASSES = {
    "NoCredentialsError",
    "PartialCredentialsError",
    "AuthError",
    "ClientAuthenticationError",
    "DefaultCredentialsError",
    "RefreshError",
}


@dataclass(frozen=True, slots=True)
class Checkout:
    """What travels: the objects of a project's dvc.lock, and the snapshots that a file lists."""

    project: Path = Path()
    pointer: Path = POINTER
    snapshots: Path = SNAPSHOTS


@dataclass(frozen=True)
class Session:
    """An open DVC repository that knows the remote."""

    repo: Any
    address: RemoteAddress

    @classmethod
    @contextmanager
    def opened(cls, address: RemoteAddress, project: Path) -> Iterator[Session]:
        """DVC on a checkout; what it remembers of the remote is forgotten first.

        DVC keeps an index of what it once saw there and would not notice what was deleted since.
        """
        from dvc.repo import Repo
        from dvc_data.hashfile.db import get_index

        with (
            address.dvc_config() as options,
            closing(Repo(str(project), config={"remote": {REMOTE: options}})) as repo,
        ):
            session = cls(repo, address)
            with closing(get_index(session.remote.odb)) as index:
                index.clear()
            yield session

    @cached_property
    def remote(self) -> Any:
        """DVC's remote: its file system, its path and its objects."""
        return self.repo.cloud.get_remote(REMOTE)

    @property
    def cache(self) -> Any:
        """The objects of this checkout."""
        return self.repo.cache.local

    def path(self, *names: str) -> str:
        """A path in the remote."""
        return str(self.remote.fs.join(self.remote.path, *names))

    def holds_anything(self) -> bool:
        """Whether something lies in the remote; asks it, so that a refusal or an outage shows."""
        filesystem = self.remote.fs.fs
        filesystem.invalidate_cache()
        try:
            return bool(filesystem.ls(self.remote.path, detail=False))
        except FileNotFoundError:
            return False

    def objects(self) -> dict[str, str]:
        """Each object that dvc.lock names, with the path that it is the content of.

        The files of a folder are known where its list is intact in the cache or in the remote.
        """
        wanted = {}
        for out in self.repo.index.outs:
            if not (out.use_cache and out.hash_info):
                continue
            name = Path(out.fs_path).relative_to(self.repo.root_dir).as_posix()
            wanted[str(out.hash_info.value)] = name
            if out.hash_info.isdir:
                wanted |= self._files(out.hash_info, name)
        return wanted

    def _files(self, hash_info: Any, name: str) -> dict[str, str]:
        from dvc_data.hashfile.tree import Tree

        for store in (self.cache, self.remote.odb):
            if store.exists(hash_info.value) and self.is_intact(store, hash_info.value):
                tree = Tree.load(store, hash_info)
                return {str(file.value): "/".join((name, *key)) for key, _, file in tree}
        return {}

    def is_intact(self, store: Any, oid: str) -> bool:
        """Whether a store's object has the content that its name promises; reads all of it."""
        from dvc_data.hashfile.hash import hash_file

        _, seen = hash_file(store.oid_to_path(oid), store.fs, "md5")
        return bool(seen.value == oid.removesuffix(".dir"))

    def absent(self, store: Any, wanted: dict[str, str]) -> dict[str, str]:
        """Those objects that a store (the cache, the remote) does not hold now."""
        store.fs.fs.invalidate_cache()
        there = store.fs.exists([store.oid_to_path(oid) for oid in wanted]) if wanted else []
        return {
            oid: wanted[oid] for oid, is_there in zip(wanted, there, strict=True) if not is_there
        }


@contextmanager
def logged_errors() -> Iterator[list[BaseException]]:
    """The exceptions that DVC logs while the block runs; nothing of its log is shown.

    The reason why one object was not transferred is a line of DVC's log; its error is a number.
    """
    import dvc.repo  # noqa: F401 - DVC sets its handlers up when it is imported

    collector = _Collector()
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    before = [(logger, logger.handlers, logger.propagate) for logger in loggers]
    for logger in loggers:
        logger.handlers, logger.propagate = [collector], False
    try:
        yield collector.errors
    finally:
        for logger, handlers, propagates in before:
            logger.handlers, logger.propagate = handlers, propagates


class _Collector(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.errors: list[BaseException] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and record.exc_info[1] is not None:
            self.errors.append(record.exc_info[1])


def persistently(
    action: str, address: RemoteAddress, policy: RetryPolicy, attempt: Callable[[], T]
) -> T:
    """Try until it works, again only where the network is at fault.

    Raises:
        RemoteFailed: the remote refused, or failed once more than `policy` allows.
    """
    for failures in range(1, policy.retries + 2):
        try:
            return attempt()
        except CreditRiskError:
            raise
        except Exception as error:  # noqa: BLE001 - each client library has its own tree of errors
            if not is_transient(error) or failures > policy.retries:
                raise _failure(action, address, error, failures) from None
            policy.pause(failures)
    raise AssertionError


def _failure(action: str, address: RemoteAddress, error: Exception, failures: int) -> RemoteFailed:
    text = " ".join(address.scrub(str(error)).split())
    reason = f"{type(error).__name__}: {text}" if text else type(error).__name__
    if is_transient(error):
        return RemoteFailed(action, address.url, f"{reason}, {failures} times in a row")
    if not _is_denied(error):
        return RemoteFailed(action, address.url, reason)
    given = f"{CREDENTIALS_VARIABLE} is {'set' if address.has_credentials else 'not set'}"
    remedy = f"{given}: check that who asks may list, read and, to push, write there."
    return RemoteFailed(action, address.url, reason, remedy)


def _is_denied(error: Exception) -> bool:
    names = {base.__name__ for base in type(error).__mro__}
    status = getattr(error, "status_code", getattr(error, "code", None))
    return (
        isinstance(error, PermissionError)
        or bool(names & _DENIED_CLASSES)
        or (status in _DENIED_STATUSES)
    )
