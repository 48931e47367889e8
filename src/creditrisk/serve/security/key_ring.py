"""The keys that the running API knows: read again whenever their file changes."""

from __future__ import annotations

import hmac
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from creditrisk.serve.security.callers import Caller
from creditrisk.serve.security.errors import UnusableKeyFile
from creditrisk.serve.security.keys import KeyFile, StoredKey, digest_of, id_of
from creditrisk.serve.security.limits import Rate
from creditrisk.serve.security.refusals import CredentialsUnavailable, Unauthenticated

LOOK_SECONDS = 0.5
GRACE_SECONDS = 10.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Known:
    """A key as a request needs it."""

    stored: StoredKey
    caller: Caller
    expires: float

    @classmethod
    def of(cls, stored: StoredKey, workers: int) -> Self:
        rate = Rate.share(stored.rate_limit, workers) if stored.rate_limit else None
        caller = Caller(stored.name, f"key:{stored.id}", frozenset(stored.scopes), rate)
        expires = stored.expires_at.timestamp() if stored.expires_at else float("inf")
        return cls(stored, caller, expires)


_NOBODY = digest_of("")


class KeyRing:
    """The callers that API keys stand for.

    The file is looked at no more than twice a second. One that cannot be read leaves the keys as
    they were for `GRACE_SECONDS`, which covers programs that write in place; then no key opens
    anything until the file is whole again. So a revocation that went wrong is noticed, and taking
    the file away shuts everybody out.

    Raises:
        UnusableKeyFile: the file cannot be trusted or read at the start.
    """

    def __init__(
        self, path: Path, workers: int = 1, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.path = path
        self._workers = workers
        self._clock = clock
        self._seen = _version(path)
        self._known = _read(path, workers)
        self._next_look = clock() + LOOK_SECONDS
        self._unreadable_since: float | None = None

    def caller(self, key: str) -> Caller:
        """Who presents this key.

        Raises:
            Unauthenticated: not a key, not one of ours, revoked or expired.
            CredentialsUnavailable: the file has been unreadable for too long.
        """
        if self.problem() is not None:
            raise CredentialsUnavailable("API keys cannot be read at present.")
        known = self._known.get(id_of(key) or "")
        # An unknown id takes as long as a wrong secret.
        right = hmac.compare_digest(digest_of(key), known.stored.sha256 if known else _NOBODY)
        if known is None or not right:
            raise Unauthenticated("The API key is not known.")
        if known.stored.revoked_at is not None or known.expires <= time.time():
            reason = known.stored.invalid_because(datetime.now(UTC))
            raise Unauthenticated(f"The API key {known.stored.id} {reason}.")
        return known.caller

    def problem(self) -> str | None:
        """Why no key opens anything at present, if so; names no path, for strangers may read it."""
        self._look()
        since = self._unreadable_since
        if since is None or self._clock() - since < GRACE_SECONDS:
            return None
        return "the file of API keys cannot be read"

    @property
    def usable(self) -> int:
        """How many keys open something now."""
        now = datetime.now(UTC)
        return sum(known.stored.invalid_because(now) is None for known in self._known.values())

    def __len__(self) -> int:
        return len(self._known)

    def _look(self) -> None:
        now = self._clock()
        if now < self._next_look:
            return
        self._next_look = now + LOOK_SECONDS
        version = _version(self.path)
        if version != self._seen or (version is None and self._unreadable_since is None):
            self._take_in(version, now)

    def _take_in(self, version: tuple[int, ...] | None, now: float) -> None:
        self._seen = version
        try:
            self._known = _read(self.path, self._workers)
        except UnusableKeyFile as error:
            if self._unreadable_since is None:
                self._unreadable_since = now
            _log.error("%s No key will open anything in %g s.", error, GRACE_SECONDS)
        else:
            self._unreadable_since = None
            _log.warning("API keys read anew: %d, of which %d valid", len(self), self.usable)


def _read(path: Path, workers: int) -> dict[str, _Known]:
    return {key.id: _Known.of(key, workers) for key in KeyFile.load(path).keys}


def _version(path: Path) -> tuple[int, ...] | None:
    """What changes whenever the file's content or rights do; None where it cannot be seen."""
    try:
        seen = path.stat()
    except OSError:
        return None
    return (seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns)
