"""Downloads that survive broken connections: retried, resumed, never of two versions at once."""

from __future__ import annotations

import errno
import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from creditrisk.core.errors import CreditRiskError
from creditrisk.data.sources.errors import SourceFailed
from creditrisk.data.sources.location import Location
from creditrisk.data.sources.source import Stopped, Watch

T = TypeVar("T")

BLOCK_BYTES = 4 << 20

_LONGEST_PAUSE_SECONDS = 60.0

# Statuses by which a server says "later": RFC 9110, RFC 6585.
_TRANSIENT_STATUSES = {408, 425, 429, 500, 502, 503, 504}

_DENIALS = {401, 403}

# What s3fs makes of SlowDown, ServiceUnavailable and InternalError.
_TRANSIENT_ERRNOS = {errno.EBUSY, errno.EREMOTEIO}

# By name, so that no client library is imported to ask: aiohttp, botocore, azure-core, requests,
# http.client and urllib3 in this order. The standard library's own are told by their class.
_TRANSIENT_CLASSES = {
    "ClientConnectionError",
    "ClientPayloadError",
    "ConnectionClosedError",
    "EndpointConnectionError",
    "HTTPClientError",
    "ServiceRequestError",
    "ServiceResponseError",
    "ChunkedEncodingError",
    "Timeout",
    "IncompleteRead",
    "ProtocolError",
}
_PERMANENT_CLASSES = {"ClientConnectorCertificateError", "SSLCertVerificationError", "SSLError"}


# A full disk and a used-up quota; a file larger than the process may write is refused like them.
OUT_OF_SPACE = {errno.ENOSPC, errno.EDQUOT}
_OF_THIS_MACHINE = {*OUT_OF_SPACE, errno.EFBIG, errno.EROFS}


class RemoteVersion(Protocol):
    """One version of a remote object, told from others by its size and tag."""

    @property
    def size(self) -> int | None:
        """Its bytes, where the server tells."""

    @property
    def tag(self) -> str | None:
        """What changes with its content: an ETag, a checksum, a time of change."""

    def blocks(self, offset: int) -> Iterator[bytes]:
        """Its bytes from an offset on.

        Raises:
            StartOver: they cannot be had from that offset, or are of another version.
        """


class StartOver(Exception):
    """What was received so far is of no use: the object changed, or cannot be read from there."""


class Incomplete(ConnectionError):
    """The connection ended in good order, but early."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often in a row an attempt may fail without progress, and how long to wait after."""

    retries: int
    backoff_seconds: float

    def pause(self, failures: int) -> None:
        """Wait twice as long after each further failure; without jitter, so that it is the same."""
        time.sleep(min(self.backoff_seconds * 2 ** (failures - 1), _LONGEST_PAUSE_SECONDS))


def with_retries(location: Location, policy: RetryPolicy, ask: Callable[[], T]) -> T:
    """Ask a source something, again where the network is at fault.

    Raises:
        SourceFailed: it refused, or failed once more than `policy` allows.
    """
    for failures in range(1, policy.retries + 2):
        try:
            return ask()
        except Exception as error:  # noqa: BLE001 - each client library has its own tree of errors
            _refuse_unless_transient(location, error)
            if failures > policy.retries:
                raise _given_up(location, error, failures) from None
            policy.pause(failures)
    raise AssertionError


def download(
    location: Location,
    look: Callable[[], RemoteVersion],
    target: Path,
    policy: RetryPolicy,
    watch: Watch,
) -> None:
    """Fetch one object into `target`, going on where an earlier attempt or process stopped.

    A `.origin` file beside the target tells of which version its bytes are.

    Raises:
        SourceFailed: the source refused, or failed too often without any progress.
    """
    failures, furthest, restarts = 0, 0, 0
    while True:
        try:
            return _append(_Partial(target, location), look(), watch)
        except StartOver as error:
            target.unlink(missing_ok=True)
            restarts += 1
            if restarts > policy.retries + 1:
                raise _given_up(location, error, restarts) from None
        except Exception as error:  # noqa: BLE001 - each client library has its own tree of errors
            _refuse_unless_transient(location, error)
            reached = target.stat().st_size if target.exists() else 0
            failures = 1 if reached > furthest else failures + 1
            furthest = max(furthest, reached)
            if failures > policy.retries:
                raise _given_up(location, error, failures) from None
            policy.pause(failures)


@dataclass(frozen=True, slots=True)
class RemoteObject:
    """An object that is downloaded whole; `look` says what is there now, before each attempt."""

    location: Location
    size: int | None
    look: Callable[[], RemoteVersion]
    policy: RetryPolicy

    def materialise(self, folder: Path, watch: Watch) -> Path:
        """Download it into that folder."""
        target = folder / self.location.name
        download(self.location, self.look, target, self.policy, watch)
        return target


@dataclass(frozen=True, slots=True)
class _Partial:
    """The bytes received so far, and which version they are of."""

    path: Path
    location: Location

    def offset(self, remote: RemoteVersion) -> int:
        """How many bytes of that version are here already; others are thrown away."""
        origin = self.path.with_name(f"{self.path.name}.origin")
        # A digest, because an address may hold a signature.
        address = f"{self.location.uri}\n{remote.size}\n{remote.tag}"
        identity = hashlib.sha256(address.encode()).hexdigest()
        known = remote.tag is not None and self.path.exists() and origin.exists()
        if known and origin.read_text() == identity:
            return self.path.stat().st_size
        self.path.unlink(missing_ok=True)
        origin.write_text(identity)
        return 0


def _append(partial: _Partial, remote: RemoteVersion, watch: Watch) -> None:
    done = partial.offset(remote)
    watch(done)
    if remote.size is not None and done == remote.size:
        partial.path.touch()
        return
    with partial.path.open("ab") as stream:
        for block in remote.blocks(done):
            stream.write(block)
            done += len(block)
            watch(done)
    if remote.size is not None and done < remote.size:
        raise Incomplete(f"{done:,} of {remote.size:,} bytes arrived")
    if remote.size is not None and done > remote.size:
        raise StartOver(f"{done:,} bytes arrived where {remote.size:,} were announced")


def reason(location: Location, error: BaseException) -> str:
    """What a client library's error says, in one line and without the address's secrets."""
    status = _status(error)
    if status is not None:
        return f"HTTP {status}"
    text = " ".join(location.scrub(str(error)).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def is_absent(error: BaseException) -> bool:
    """Whether an error says that nothing is there, as opposed to any other failure."""
    return isinstance(error, FileNotFoundError) or _status(error) in {404, 410}


def is_transient(error: BaseException) -> bool:
    """Whether an error is the network's, or a server's that asks to come back later."""
    status = _status(error)
    if status is not None:
        return status in _TRANSIENT_STATUSES
    names = {base.__name__ for base in type(error).__mro__}
    if names & _PERMANENT_CLASSES:
        return False
    if isinstance(error, OSError) and error.errno in _TRANSIENT_ERRNOS:
        return True
    return isinstance(error, ConnectionError | TimeoutError) or bool(names & _TRANSIENT_CLASSES)


def _status(error: BaseException) -> int | None:
    response = getattr(error, "response", None)
    for holder, name in ((error, "status"), (error, "status_code"), (response, "status_code")):
        value = getattr(holder, name, None)
        if isinstance(value, int):
            return value
    return None


def _refuse_unless_transient(location: Location, error: Exception) -> None:
    """Raise what cannot get better by waiting; a full disk is the disk's, not the source's."""
    if isinstance(error, CreditRiskError | Stopped) or _is_of_this_machine(error):
        raise error
    if not is_transient(error):
        raise SourceFailed(
            location.shown, reason(location, error), _remedy(location, error)
        ) from None


def _remedy(location: Location, error: Exception) -> str:
    if _status(error) not in _DENIALS and not isinstance(error, PermissionError):
        return ""
    rules = ", and that its account has accepted the rules of the competition"
    return f"Check the credentials in the environment{rules if location.kind == 'kaggle' else ''}."


def _is_of_this_machine(error: Exception) -> bool:
    return isinstance(error, OSError) and (
        error.errno in _OF_THIS_MACHINE or (error.errno is not None and error.filename is not None)
    )


def _given_up(location: Location, error: Exception, failures: int) -> SourceFailed:
    return SourceFailed(location.shown, f"{reason(location, error)}, {failures} times in a row")
