"""API keys: how they are made, and the file that keeps their hashes.

A key is `crk_<id>_<secret>`; its id is no secret and names it in lists. The secret has 256 random
bits, so that nobody finds it by trying, however fast the hash: SHA-256 once is enough here, and a
password's slow hash would cost each request what it protects nothing from.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import os
import re
import secrets
import stat
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import AfterValidator, AwareDatetime, Field, ValidationError, model_validator

from creditrisk.core.errors import CreditRiskError, validation_problems
from creditrisk.core.report import Part, Report
from creditrisk.core.settings import RateLimitSettings
from creditrisk.serve.security.callers import LOCAL, Scope, ordered
from creditrisk.serve.security.errors import InvalidKeyRequest, UnknownKey, UnusableKeyFile

KEY_FILE_VARIABLE = "CREDITRISK_API_KEYS_FILE"
PREFIX = "crk"
_ID_BYTES = 6
_SECRET_BYTES = 32
_FORM = re.compile(rf"{PREFIX}_([0-9a-f]{{{2 * _ID_BYTES}}})_[A-Za-z0-9_-]{{43}}")


def _not_reserved(name: str) -> str:
    if name == LOCAL.name:
        message = f"{name!r} stands for callers of an API without keys"
        raise ValueError(message)
    return name


# No colon: it marks the subject of a token.
CallerName = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$"), AfterValidator(_not_reserved)
]


class StoredKey(Part):
    """What is kept of a key: enough to know it again, not enough to use it."""

    id: Annotated[str, Field(pattern=rf"^[0-9a-f]{{{2 * _ID_BYTES}}}$")]
    name: CallerName
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    scopes: Annotated[tuple[Scope, ...], Field(min_length=1)]
    created_at: AwareDatetime
    expires_at: AwareDatetime | None = None
    revoked_at: AwareDatetime | None = None
    rate_limit: RateLimitSettings | None = None

    def matches(self, key: str) -> bool:
        """Whether this is the key, in a time that does not tell how much of it is right."""
        return hmac.compare_digest(digest_of(key), self.sha256)

    def invalid_because(self, now: datetime) -> str | None:
        """Why the key opens nothing at that time, if so."""
        if self.revoked_at is not None:
            return f"was revoked on {_day(self.revoked_at)}"
        if self.expires_at is not None and self.expires_at <= now:
            return f"expired on {_day(self.expires_at)}"
        return None


class KeyFile(Report):
    """The file of API keys. A revoked key stays, so that its name can still be looked up."""

    form: Literal["creditrisk api keys 1"] = "creditrisk api keys 1"
    keys: tuple[StoredKey, ...] = ()

    @model_validator(mode="after")
    def _ids_differ(self) -> Self:
        if len({key.id for key in self.keys}) < len(self.keys):
            message = "two keys have the same id"
            raise ValueError(message)
        return self

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a file of keys that nobody but its owner may change.

        Raises:
            UnusableKeyFile: not there, not a regular file, writable by others, or of another form.
        """
        try:
            _check_mode(path)
            return cls.read(path)
        except OSError as error:
            raise UnusableKeyFile(path, f"cannot be read: {error.strerror}.") from error
        except UnusableKeyFile:
            raise
        except CreditRiskError as error:
            raise UnusableKeyFile(path, f"is no file of API keys: {error}") from error

    def valid(self, now: datetime) -> list[StoredKey]:
        """The keys that open something at that time."""
        return [key for key in self.keys if key.invalid_because(now) is None]


class NewKey(NamedTuple):
    """A key just made. Its text is nowhere else."""

    text: str
    stored: StoredKey


def id_of(key: str) -> str | None:
    """The id that a key names; None for what has not a key's form."""
    form = _FORM.fullmatch(key)
    return form[1] if form else None


def digest_of(key: str) -> str:
    """Hex SHA-256 of a key's text."""
    return hashlib.sha256(key.encode()).hexdigest()


def new_key(
    name: str,
    scopes: Sequence[Scope],
    *,
    lifetime: timedelta | None = None,
    rate_limit: RateLimitSettings | None = None,
) -> NewKey:
    """Make a key.

    Raises:
        InvalidKeyRequest: it would open nothing, or the caller's name is no name.
    """
    if not scopes:
        raise InvalidKeyRequest(f"name its scopes, of {', '.join(Scope)}.")
    if Scope.OVERRIDE in scopes and Scope.PREDICT not in scopes:
        raise InvalidKeyRequest(
            "the scope override opens nothing without the scope predict; name both."
        )
    now = _now()
    key_id = secrets.token_hex(_ID_BYTES)
    text = f"{PREFIX}_{key_id}_{secrets.token_urlsafe(_SECRET_BYTES)}"
    try:
        stored = StoredKey(
            id=key_id,
            name=name,
            sha256=digest_of(text),
            scopes=tuple(ordered(scopes)),
            created_at=now,
            expires_at=now + lifetime if lifetime else None,
            rate_limit=rate_limit,
        )
    except ValidationError as error:
        raise InvalidKeyRequest("; ".join(validation_problems(error))) from error
    return NewKey(text, stored)


def add(path: Path, stored: StoredKey) -> None:
    """Add a key to the file, which is made where there is none.

    Raises:
        UnusableKeyFile: the file that is there cannot be trusted or read.
    """
    with _alone(path):
        keys = KeyFile.load(path).keys if path.exists() else ()
        _replace(path, KeyFile(keys=(*keys, stored)))


def revoke(path: Path, key_id: str) -> StoredKey:
    """Mark a key as revoked from now on; one that is so already keeps its time.

    Raises:
        UnusableKeyFile: the file cannot be trusted or read.
        UnknownKey: it holds no such key.
    """
    with _alone(path):
        keys = {key.id: key for key in KeyFile.load(path).keys}
        if key_id not in keys:
            raise UnknownKey(path, key_id)
        time = keys[key_id].revoked_at or _now()
        revoked = keys[key_id].model_copy(update={"revoked_at": time})
        keys[key_id] = revoked
        _replace(path, KeyFile(keys=tuple(keys.values())))
    return revoked


def _check_mode(path: Path) -> None:
    mode, folder = path.stat().st_mode, path.parent.stat().st_mode
    if not stat.S_ISREG(mode):
        raise UnusableKeyFile(path, "is no regular file.")
    if mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise UnusableKeyFile(
            path,
            f"may be changed by others than its owner (mode {stat.S_IMODE(mode):04o}), so anybody "
            f"could have added a key. Check its keys, then run: chmod go-w {path}",
        )
    if folder & stat.S_IWOTH and not folder & stat.S_ISVTX:
        raise UnusableKeyFile(
            path,
            "lies in a folder where anybody may put another file in its place. Check its keys, "
            f"then run: chmod o-w {path.parent}",
        )


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Keep two commands from overwriting each other's change."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(f".{path.name}.lock").open("a") as lock:
        fcntl.flock(lock.fileno(), fcntl.LOCK_EX)
        yield


def _replace(path: Path, content: KeyFile) -> None:
    """Write the file in one step: old or new after a kill, and never readable by more than before."""
    mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o600
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(content.model_dump_json(indent=2) + "\n")
            stream.flush()
            os.fchmod(stream.fileno(), mode)
            os.fsync(stream.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def _day(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%d")
