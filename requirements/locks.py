"""The packages that the lock files name."""

from __future__ import annotations

import re
from pathlib import Path

FOLDER = Path(__file__).parent
LOCKS = ("serve", "batch", "pipeline", "images", "dev")

# NAME==VERSION, or NAME[EXTRA]==VERSION, and the marker where it is not for every machine.
_PINNED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", re.MULTILINE)


def packages(lock: str) -> dict[str, tuple[str, ...]]:
    """Versions by normalised name; several where they differ by Python."""
    found: dict[str, set[str]] = {}
    for name, version in _PINNED.findall((FOLDER / f"{lock}.lock").read_text(encoding="utf-8")):
        found.setdefault(normalised(name), set()).add(version)
    return {name: tuple(sorted(found[name])) for name in sorted(found)}


def locks_by_package() -> dict[str, tuple[str, ...]]:
    """The locks that name each package."""
    found: dict[str, list[str]] = {}
    for lock in LOCKS:
        for name in packages(lock):
            found.setdefault(name, []).append(lock)
    return {name: tuple(found[name]) for name in sorted(found)}


def normalised(name: str) -> str:
    """A package's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()
