"""Atomic writes and checksums."""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_CHUNK_BYTES = 1 << 20

# From linux/fcntl.h and linux/fs.h.
_HERE = -100
_RENAME_EXCHANGE = 2


@contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """Yield a temporary file path that becomes `target` when the block ends without an error.

    The temporary file lies in the target's folder, so the rename cannot cross a file system.
    On an error it is removed and the old target stays.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        _flush(temporary)
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(target: Path) -> Iterator[Path]:
    """Yield an empty temporary folder that becomes `target` when the block ends without an error.

    An old folder and its successor change places in one step, so that a reader, or a person after
    `kill -9`, finds the one or the other.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part"))
    try:
        yield temporary
        temporary.chmod(0o777 & ~_umask())
        if target.exists():
            _exchange(temporary, target)
        else:
            temporary.rename(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_text(target: Path, text: str) -> None:
    """Write UTF-8 text atomically."""
    with atomic_path(target) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def free_bytes(path: Path) -> int:
    """What the disk can still hold on which the path lies, or would lie."""
    existing = next(place for place in (path, *path.absolute().parents) if place.exists())
    return shutil.disk_usage(existing).free


def sha256_of(path: Path) -> str:
    """Hex SHA-256 of one file's content."""
    return _digest(path, "sha256")


def md5_of(path: Path) -> str:
    """Hex MD5 of one file's content, as Kaggle publishes it; never a proof of authorship."""
    return _digest(path, "md5")


def sha256_of_json(content: Mapping[str, Any]) -> str:
    """Hex SHA-256 of the content's canonical JSON: keys sorted, no spaces."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _digest(path: Path, algorithm: str) -> str:
    digest = hashlib.new(algorithm, usedforsecurity=False)
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _flush(path: Path) -> None:
    with path.open("rb+") as stream:
        os.fsync(stream.fileno())


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _exchange(one: Path, other: Path) -> None:
    """Swap two paths in one step (renameat2, Linux), in three where the system cannot."""
    try:
        swap = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError):
        swap = None
    names = (os.fsencode(one), os.fsencode(other))
    if swap and swap(_HERE, names[0], _HERE, names[1], _RENAME_EXCHANGE) == 0:
        return
    aside = one.with_suffix(".old.part")
    other.rename(aside)
    one.rename(other)
    aside.rename(one)
